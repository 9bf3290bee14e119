// https://www.postgresql.org/docs/current/auth-pg-hba-conf.html: what the file says without an error, and does not mean.
import { hbaFact } from '../facts/hba.ts'
import { traps, unreachable } from '../postgres/hba/index.ts'
import type { HbaTrapCode } from '../postgres/hba/index.ts'
import { defineCheck } from './check.ts'
import type { FindingText } from './check.ts'
import { finding } from './support/finding.ts'

type Code = HbaTrapCode | 'unreachable'

export default defineCheck<{ readonly hba: typeof hbaFact }, Record<string, never>, Code>({
  id: 'hba-traps',
  source: 'https://www.postgresql.org/docs/current/auth-pg-hba-conf.html',
  needs: { hba: hbaFact },

  run({ hba: { hba } }) {
    // What keeps the file from loading is an error of hba-loads; here it is only the explanation. The missing replication
    // rule has a check of its own.
    const found = traps(hba).filter(({ code }) => code !== 'no-replication-rule').map(({ code, severity, file, line, params }) =>
      finding<Code>(code, severity === 'warning' ? 'warning' : 'info', params, { at: { file, line } }))
    const shadowed = unreachable(hba).filter(({ because }) => because === 'shadowed').map(({ rule, shadowedBy }) =>
      finding<Code>('unreachable', 'info', { rule: rule.text.trim(), by: shadowedBy.map(({ line }) => line).join(', ') }, { at: { file: rule.file, line: rule.line } }))
    return [...found, ...shadowed]
  },

  text: {
    en: {
      title: 'pg_hba.conf means what it seems to mean',
      about: 'Much that is not meant loads without an error: a shortened address is another network, a keyword in quotes or in capitals is a name, a regular expression is a name before 16, a backslash swallows the next line from 14 on, a rule stands below one that takes everything. Each is named with its line.',
      findings: {
        ...inEnglish(),
        unreachable: {
          message: 'this rule never decides, because line {by} takes everything that it would match: {rule}',
          why: 'The first rule that matches decides.',
          remedy: 'move it up if it is meant to count, else remove it',
        },
      },
    },
    'zh-TW': {
      title: 'pg_hba.conf 的實際效果與表面一致',
      about: '許多並非本意的寫法都能載入而不報錯：縮寫的位址是另一個網路、加上引號或大寫的關鍵字只是名稱、16 版之前正規表示式只是名稱、14 版起反斜線會吞掉下一行、規則寫在另一條涵蓋一切的規則之下。這裡會逐一指出所在行。',
      findings: {
        ...inChinese(),
        unreachable: {
          message: '這條規則永遠不會生效，因為第 {by} 行已涵蓋它能比對的所有連線：{rule}',
          why: '由第一條相符的規則決定。',
          remedy: '若要生效請往上移，否則請移除',
        },
      },
    },
  },
})

type Texts = Readonly<Record<HbaTrapCode, FindingText>>

function inEnglish(): Texts {
  const name = (message: string, remedy = 'write it as the manual has it, or leave it if the name is meant'): FindingText => ({ message, why: 'The rule matches other connections than it seems to, or none.', remedy })
  const net = (message: string): FindingText => ({ message, why: 'The rule is for other addresses than it seems to be.', remedy: 'write the address in full, with its length: 10.0.0.0/8' })
  const line = (message: string, remedy: string): FindingText => ({ message, why: 'The server reads the lines otherwise than they look.', remedy })
  const broken = (message: string, remedy: string): FindingText => ({ message, why: 'The server refuses the whole file for it.', remedy })
  const upgrade = (message: string, remedy: string): FindingText => ({ message, why: 'It works now; after an upgrade it will not.', remedy })
  return {
    'comment-continuation': line('the comment in line {comment} ends in a backslash and swallows this line: {swallowed}', 'remove the backslash at the end of the comment'),
    'comment-continuation-later': upgrade('this comment ends in a backslash; from 14 on it swallows the next line', 'remove the backslash'),
    'backslash-then-blank': line('the backslash is followed by a blank and does not continue the line', 'remove the blank'),
    'backslash-before-14': line('before 14 a backslash does not continue a line', 'write the rule on one line'),
    'backslash-at-end': line('the file ends in a backslash: a line added below would be swallowed', 'remove the backslash'),
    'short-address': net('{word} means {meaning}'),
    'octal-address': net('a leading zero makes a number octal: {word} means {meaning}'),
    'host-bits': net('{word} has bits outside its mask: it means the network of {meaning}'),
    'mask-with-holes': net('the mask {word} is not contiguous'),
    'star-address': net('* is a host name here, not a wildcard: the rule never matches'),
    'odd-host-name': net('{word} is taken for a host name, which it cannot be: the rule never matches'),
    'address-like-name': net('{word} is no address, so it is taken for a host name'),
    'wrong-case': name('{word} is an ordinary name: keywords are written in lower case ({meant})'),
    'wrong-case-error': broken('{word} must be written {meant}', 'write it in lower case'),
    'quoted-keyword': name('in quotes {word} is an ordinary name, not the keyword'),
    'quoted-group': name('in quotes {word} is a role of that name, not a group'),
    'quoted-file': name('in quotes {word} is a name; no file is read'),
    'star-name': name('* is a name here, not a wildcard: the word is all', 'write all'),
    'regex-before-16': name('{word} is an ordinary name: regular expressions exist from 16 on', 'list the names'),
    'include-before-16': broken('{directive} exists from 16 on', 'put the rules into this file'),
    'single-quotes': name('single quotes are part of the name {word}', 'use double quotes, or none'),
    'include-list': line('only the first name after the directive is included: {target}', 'write one directive for each file'),
    'include-nothing': line('{target} is a directory, which counts as an empty file here', 'write include_dir'),
    'space-before-comma': broken('a blank before the comma ends the list', 'write the list without blanks'),
    'hash-in-word': line('the # after {word} begins a comment', 'put the word in double quotes if the # belongs to it'),
    'unterminated-quote': line('the quote is not closed: the rest of the line belongs to the name', 'close the quote'),
    'method-as-mask': broken('{address} has no length, so {word} is taken for its mask', 'write {address}/32, or /128 for IPv6'),
    'no-replication-rule': name('"all" does not cover replication', '`pgwal enable` adds a rule'),
    'hostssl-ssl-off': name('this rule cannot match while ssl is off', 'set ssl = on, or write host'),
    'hostgssenc-not-built': name('this rule cannot match: the server was built without GSSAPI', 'write host'),
    'md5-deprecated': upgrade('MD5 passwords are deprecated from 18 on', 'use scram-sha-256, and set the passwords again'),
    'clientcert-before-14': upgrade('{word} is an error from 14 on', 'write clientcert=verify-ca or verify-full, or leave it out'),
    'ident-is-peer': name('ident means peer on a local line', 'write peer'),
    'long-name': name('{word} is longer than the 63 bytes of a name: it never matches', 'shorten it'),
    'byte-order-mark': broken('the file begins with a byte order mark', 'save it as UTF-8 without BOM'),
    'cr-line-ends': line('lines end in CR alone: the server sees one line', 'save the file with LF line ends'),
    'zero-byte': line('a zero byte hides the rest of its line', 'remove it'),
    'invisible-character': line('there is a no-break space, a typographic quote or the like in this line', 'type the line anew'),
    'line-too-long': broken('before 14 a line has at most 20478 bytes', 'divide it into several rules'),
    'radius-server-name': broken('the server looks {word} up when it reads the file, and refuses the file if that fails', 'write the address instead of the name'),
    'file-circle': broken('a file of names includes itself: servers before 16 crash on it', 'remove the @name that leads back'),
  }
}

function inChinese(): Texts {
  const name = (message: string, remedy = '請依手冊的寫法修改；若確實是指該名稱則可保留'): FindingText => ({ message, why: '這條規則比對到的連線與表面不同，或完全不會相符。', remedy })
  const net = (message: string): FindingText => ({ message, why: '這條規則針對的位址與表面不同。', remedy: '請寫出完整位址與長度：10.0.0.0/8' })
  const line = (message: string, remedy: string): FindingText => ({ message, why: '伺服器讀到的行與看起來的不同。', remedy })
  const broken = (message: string, remedy: string): FindingText => ({ message, why: '伺服器會因此拒絕整個檔案。', remedy })
  const upgrade = (message: string, remedy: string): FindingText => ({ message, why: '目前可用，升級之後就不行。', remedy })
  return {
    'comment-continuation': line('第 {comment} 行的註解以反斜線結尾，吞掉了這一行：{swallowed}', '移除註解結尾的反斜線'),
    'comment-continuation-later': upgrade('這個註解以反斜線結尾；自 14 版起會吞掉下一行', '移除反斜線'),
    'backslash-then-blank': line('反斜線之後有空白，因此不會接續下一行', '移除空白'),
    'backslash-before-14': line('14 版之前反斜線不會接續下一行', '將規則寫在同一行'),
    'backslash-at-end': line('檔案以反斜線結尾：其後新增的一行會被吞掉', '移除反斜線'),
    'short-address': net('{word} 實際上是 {meaning}'),
    'octal-address': net('開頭的零代表八進位：{word} 實際上是 {meaning}'),
    'host-bits': net('{word} 有遮罩以外的位元：實際上是 {meaning} 所屬的網路'),
    'mask-with-holes': net('遮罩 {word} 不連續'),
    'star-address': net('* 在這裡是主機名稱而非萬用字元：規則永遠不會相符'),
    'odd-host-name': net('{word} 被視為主機名稱，但不可能是：規則永遠不會相符'),
    'address-like-name': net('{word} 不是位址，因此被視為主機名稱'),
    'wrong-case': name('{word} 只是一般名稱：關鍵字須以小寫書寫（{meant}）'),
    'wrong-case-error': broken('{word} 必須寫成 {meant}', '改用小寫'),
    'quoted-keyword': name('加上引號的 {word} 只是一般名稱，不是關鍵字'),
    'quoted-group': name('加上引號的 {word} 是同名的角色，不是群組'),
    'quoted-file': name('加上引號的 {word} 是名稱，不會讀取檔案'),
    'star-name': name('* 在這裡是名稱而非萬用字元：應寫成 all', '改寫為 all'),
    'regex-before-16': name('{word} 只是一般名稱：正規表示式自 16 版起才支援', '逐一列出名稱'),
    'include-before-16': broken('{directive} 自 16 版起才支援', '將規則直接寫入這個檔案'),
    'single-quotes': name('單引號是名稱 {word} 的一部分', '使用雙引號，或不使用引號'),
    'include-list': line('指令之後只會引入第一個名稱：{target}', '每個檔案各寫一行指令'),
    'include-nothing': line('{target} 是目錄，在這裡等同空檔案', '改寫為 include_dir'),
    'space-before-comma': broken('逗號前的空白會結束清單', '清單中不要有空白'),
    'hash-in-word': line('{word} 之後的 # 會開始註解', '若 # 屬於該名稱，請加上雙引號'),
    'unterminated-quote': line('引號沒有結束：該行其餘內容都屬於名稱', '補上結尾的引號'),
    'method-as-mask': broken('{address} 沒有長度，因此 {word} 被視為遮罩', '寫成 {address}/32，IPv6 則為 /128'),
    'no-replication-rule': name('「all」並不包含複寫', '`pgwal enable` 會加入規則'),
    'hostssl-ssl-off': name('ssl 為 off 時這條規則不可能相符', '設定 ssl = on，或改寫為 host'),
    'hostgssenc-not-built': name('這條規則不可能相符：伺服器編譯時未包含 GSSAPI', '改寫為 host'),
    'md5-deprecated': upgrade('MD5 密碼自 18 版起已不建議使用', '改用 scram-sha-256 並重設密碼'),
    'clientcert-before-14': upgrade('{word} 自 14 版起為錯誤', '改寫為 clientcert=verify-ca 或 verify-full，或移除'),
    'ident-is-peer': name('local 行中的 ident 即為 peer', '改寫為 peer'),
    'long-name': name('{word} 超過名稱上限的 63 個位元組：永遠不會相符', '縮短名稱'),
    'byte-order-mark': broken('檔案以位元組順序記號（BOM）開頭', '存成不含 BOM 的 UTF-8'),
    'cr-line-ends': line('各行只以 CR 結尾：伺服器只看到一行', '以 LF 換行儲存檔案'),
    'zero-byte': line('零位元組隱藏了該行其餘內容', '移除它'),
    'invisible-character': line('這一行含有不換行空格、排版引號之類的字元', '重新輸入這一行'),
    'line-too-long': broken('14 版之前一行最多 20478 個位元組', '拆成數條規則'),
    'radius-server-name': broken('伺服器讀取檔案時會查詢 {word}；查詢失敗就拒絕整個檔案', '以位址取代名稱'),
    'file-circle': broken('名稱檔案引入了自己：16 版之前的伺服器會因此當掉', '移除繞回自己的 @名稱'),
  }
}
