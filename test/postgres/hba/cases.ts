// Named files for the comparison with the real servers. The servers say what is right, so a case is a name and a file
// (a byte string: char codes are bytes), or a tree of files. Where ours once disagreed, a case keeps it.
import { MAIN, type HbaTree } from '../../support/hba-server.ts'

export interface HbaCase { readonly name: string; readonly tree: HbaTree }

const rule = 'host all all 10.0.0.0/8 md5'
const after = (name: string, lines: readonly string[]): HbaCase[] => lines.map((line, index) => ({ name: `${name} ${index + 1}: ${line.slice(0, 60)}`, tree: { [MAIN]: `local all all trust\n${line}\nlocal x y reject\n` } }))
const file = (name: string, content: string): HbaCase => ({ name, tree: { [MAIN]: content } })
const tree = (name: string, files: HbaTree): HbaCase => ({ name, tree: files })

const lineEndings = [
  file('empty file', ''),
  file('only a newline', '\n'),
  file('only blanks', ' \t \r\n'),
  file('only a comment', '# nothing\n'),
  file('comment without newline', '# nothing'),
  file('no newline at the end', rule),
  file('CRLF', `${rule}\r\n# c\r\n${rule}\r\n`),
  file('CRLF without the last', `${rule}\r\n${rule}`),
  file('CR alone', `${rule}\r${rule}\r`),
  file('CR alone behind a comment', `# c\r${rule}\r`),
  file('CR inside a line', `host\rall all 10.0.0.0/8\rmd5\n`),
  file('CR at the end of a quoted word', `host "all\r" all 10.0.0.0/8 md5\n`),
  file('several CRs at the end', `${rule}\r\r\r\n`),
  file('many empty lines', `\n\n\n${rule}\n\n\n${rule}`),
  file('form feed and vertical tab are no blanks', `host\fall all 10.0.0.0/8 md5\nhost all\vall all 10.0.0.0/8 md5\n`),
  file('byte order mark before a rule', `\xef\xbb\xbf${rule}\n`),
  file('byte order mark before a comment', `\xef\xbb\xbf# c\n${rule}\n`),
  file('byte order mark on a line of its own', `\xef\xbb\xbf\n${rule}\n`),
  file('UTF-16', `h\0o\0s\0t\0\n\0${rule}\n`),
  file('Latin-1 in a comment', `# caf\xe9\n${rule}\n`),
  file('Latin-1 in a name', `host caf\xe9 all 10.0.0.0/8 md5\n`),
  file('UTF-8 in a name', `host caf\xc3\xa9 \xe5\xa4\xa7 10.0.0.0/8 md5\n`),
  file('invalid UTF-8 in an error', `h\xffst all all 10.0.0.0/8 md5\n`),
  file('no-break space', `host\xc2\xa0all all 10.0.0.0/8 md5\n`),
  file('control characters in a name', `host a\x01\x1f\x7fb all 10.0.0.0/8 md5\n`),
]

const zeroBytes = [
  file('zero byte at the start', `\0${rule}\n${rule}\n`),
  file('zero byte in the middle', `host all all 10.0.0.0/8 md5\0 junk\n${rule}\n${rule}\n`),
  file('zero byte at the end of a line', `${rule}\0\n${rule}\n`),
  file('zero byte at the end of the file', `${rule}\n${rule}\0`),
  file('line of zero bytes', `\0\0\0\n${rule}\n`),
  file('zero byte and backslash', `host all \\\nall\0x\n 10.0.0.0/8 md5\n${rule}\n`),
  file('zero byte behind a backslash', `host all \\\0\nall 10.0.0.0/8 md5\n`),
  file('zero byte in a long line', `host all all 10.0.0.0/8 md5 ${'#'.repeat(1500)}\0\n${rule}\n${rule}\n`),
  file('zero byte just before the buffer ends', `${'#'.repeat(1022)}\0x\n${rule}\n`),
  file('zero byte just behind the buffer', `${'#'.repeat(1023)}\0x\n${rule}\n`),
  file('zero byte on the last buffered byte', `${'#'.repeat(1021)}\0x\n${rule}\n`),
]

const continuations = [
  file('continuation', `host all \\\nall 10.0.0.0/8 md5\n${rule}\n`),
  file('continuation without blanks', `host all al\\\nl 10.0.0.0/8 md5\n`),
  file('continuation with CRLF', `host all \\\r\nall 10.0.0.0/8 md5\r\n`),
  file('continuation, backslash then blank', `host all all 10.0.0.0/8 md5 \\ \n${rule}\n`),
  file('continuation, backslash then tab', `${rule} \\\t\n${rule}\n`),
  file('two backslashes', `host a\\\\\n\n${rule}\n`),
  file('two backslashes and a line', `host a\\\\\nb all 10.0.0.0/8 md5\n`),
  file('three backslashes', `host a\\\\\\\nb all 10.0.0.0/8 md5\n`),
  file('backslash lines only', `\\\n\\\n\\\n${rule}\n`),
  file('backslash line then empty', `${rule}\\\n\n${rule}\n`),
  file('comment eats a rule', `# c \\\n${rule}\n${rule}\n`),
  file('comment eats two rules', `# c \\\n${rule} \\\n${rule}\n${rule}\n`),
  file('comment behind a rule eats a rule', `${rule} # c\\\n${rule}\n`),
  file('comment, backslash then CR', `# c \\\r\n${rule}\n`),
  file('comment, backslash then two CRs', `# c \\\r\r\n${rule}\n`),
  file('backslash at the end of the file', `${rule}\\`),
  file('backslash newline at the end of the file', `${rule}\\\n`),
  file('blank backslash at the end of the file', `${rule} \\`),
  file('comment with a backslash at the end of the file', `${rule}\n# c \\`),
  file('backslash in quotes', `host "a\\\nb" all 10.0.0.0/8 md5\n`),
  file('CR kept before a joint', `host a\r\\\n\nx all\n`),
  file('CR before the joint and after', `${rule}\r\\\n\r\n${rule}\n`),
  file('line numbers behind continuations', `\\\n\\\nlocal a b trust\nbad\nlocal a b\\\n trust\nbad\n`),
  file('continued into an empty last line', `${rule} \\\n\\\n`),
  file('continuation of an error', `host all all \\\n10.0.0.0/8 \\\nnonsense\n${rule}\n`),
]

const longLines = [
  ...[8188, 8189, 8190, 8191, 8192, 8193, 8200, 16380, 16381, 16382, 20000].map((length) => file(`line of ${length} bytes`, `${rule} ${'#'.repeat(length - rule.length - 1)}\n${rule}\n`)),
  ...[8190, 8191, 8192].map((length) => file(`last line of ${length} bytes`, `${rule}\n${rule} ${'#'.repeat(length - rule.length - 1)}`)),
  file('long line whose rest is a rule', `${'#'.repeat(8191)}${rule}\n${rule}\n`),
  file('long list', `host ${Array.from({ length: 400 }, (_, n) => `database_number_${n}`).join(',')} all 10.0.0.0/8 md5\n`),
  ...[300, 8000].map((length) => file(`name of ${length} bytes`, `host ${'d'.repeat(length)} all 10.0.0.0/8 md5\n`)),
  ...[10237, 10238, 10239, 10240, 10241, 12000].map((length) => file(`name of ${length} bytes`, `host ${'d'.repeat(length)} all 10.0.0.0/8 md5\n${rule}\n`)),
  file('10239 bytes and a comma', `host ${'d'.repeat(10239)},x all 10.0.0.0/8 md5\n`),
  file('10239 bytes and a comment', `host ${'d'.repeat(10239)}#x\n`),
  file('10239 bytes and a quote', `host ${'d'.repeat(10239)}"" all 10.0.0.0/8 md5\n`),
  file('10240 bytes in quotes', `host "${'d'.repeat(10240)}" all 10.0.0.0/8 md5\n`),
  file('10239 bytes in quotes', `host "${'d'.repeat(10239)}" all 10.0.0.0/8 md5\n`),
  file('long name behind others', `host a,b,${'d'.repeat(11000)},c all 10.0.0.0/8 md5\n`),
]

const tokens = [
  ...after('commas', [
    'host a,b c,d 10.0.0.0/8 md5', 'host a, b c, d 10.0.0.0/8 md5', 'host a ,b c 10.0.0.0/8 md5', 'host ,a c 10.0.0.0/8 md5', 'host ,,a,,b c 10.0.0.0/8 md5', 'host a, c 10.0.0.0/8 md5',
    'host a,b, c 10.0.0.0/8 md5', ',host all all 10.0.0.0/8 md5', 'host all all 10.0.0.0/8 md5,', 'host all all 10.0.0.0/8, md5', 'host all all 10.0.0.0/8 md5,trust', 'host,local all all 10.0.0.0/8 md5',
    'host all all 10.0.0.0/8,11.0.0.0/8 md5', 'host all all 10.0.0.0 255.0.0.0,255.0.0.0 md5', ',', ',,,', ', ,', 'host all, # comment', 'host a,#b', 'host a,\tb c 10.0.0.0/8 md5', 'host a,\rb c 10.0.0.0/8 md5',
  ]),
  ...after('quotes', [
    'host "all" all 10.0.0.0/8 md5', 'host all "all" 10.0.0.0/8 md5', '"host" all all 10.0.0.0/8 md5', 'host all all "10.0.0.0/8" md5', 'host all all 10.0.0.0/8 "md5"', 'host my" "db all 10.0.0.0/8 md5',
    'host "my db" all 10.0.0.0/8 md5', 'host "my ""db" all 10.0.0.0/8 md5', 'host """" all 10.0.0.0/8 md5', 'host """""" all 10.0.0.0/8 md5', 'host "" all 10.0.0.0/8 md5', 'host all "" 10.0.0.0/8 md5',
    'host all all "" md5', 'host all all 10.0.0.0/8 ""', '"" all all 10.0.0.0/8 md5', 'host ""all all 10.0.0.0/8 md5', 'host all"" all 10.0.0.0/8 md5', 'host "a" "b', 'host "a all 10.0.0.0/8 md5', 'host all all 10.0.0.0/8 md5"',
    'host "a,b" all 10.0.0.0/8 md5', 'host "a#b" all 10.0.0.0/8 md5', 'host a"#"b all 10.0.0.0/8 md5', 'host "all",all all 10.0.0.0/8 md5', 'host all "+group" 10.0.0.0/8 md5', 'host all +"group" 10.0.0.0/8 md5',
    'host "@file" all 10.0.0.0/8 md5', 'host all all "all" md5', 'host all all "samehost" md5', 'host all all 10.0.0.0 "255.0.0.0" md5', '"', '""', '"""', '" "', 'local "replication" all trust', 'local replication all trust',
    'local all,replication "replication" trust', "host 'all' all 10.0.0.0/8 md5", "host all 'my user' 10.0.0.0/8 md5", 'local a""b c trust', 'local "a"b"c" d trust', 'local "a""b c trust',
  ]),
  ...after('comments', [
    'host all all 10.0.0.0/8 md5 # c', 'host all all 10.0.0.0/8 md5# c', 'host all joe#x 10.0.0.0/8 md5', 'host # all', '#', ' # c', '\t#c', 'host all all 10.0.0.0/8 #md5', 'host all all 10.0.0.0/8 md5 map=#x',
  ]),
]

const shape = after('fields', [
  'host', 'host all', 'host all all', 'host all all 10.0.0.0/8', 'host all all 10.0.0.0', 'host all all 10.0.0.0 255.0.0.0', 'host all all all', 'local', 'local all', 'local all all', 'local all all trust extra',
  'local all all trust a=b', 'local all all 10.0.0.0/8 trust', 'HOST all all 10.0.0.0/8 md5', 'LOCAL all all trust', 'Local all all trust', 'hostss all all 10.0.0.0/8 md5', 'hosts all all 10.0.0.0/8 md5', 'hostno all all all md5',
  'host all all 10.0.0.0/8 MD5', 'host all all 10.0.0.0/8 Trust', 'host all all 10.0.0.0/8 scram', 'host all all 10.0.0.0/8 SCRAM-SHA-256', 'host all all 10.0.0.0/8 implicit', 'local all all implicit_reject',
  'hostssl all all 10.0.0.0/8 md5', 'hostnossl all all 10.0.0.0/8 md5', 'hostgssenc all all 10.0.0.0/8 md5', 'hostnogssenc all all 10.0.0.0/8 md5', 'hostssl all all 10.0.0.0/8 nonsense', 'hostgssenc all all nonsense/8 md5',
  'local ALL ALL trust', 'local All Replication trust', 'local samerole,sameuser,samegroup all trust', 'local sameuser sameuser trust', 'local all +g,+"h i",+ trust', 'local @ all trust', 'local all @ trust', '@ all all trust',
])

const addresses = after('addresses', [
  ...['10/8', '10.1/16', '10.1.2/24', '10.0.0.0/8', '010.0.0.0/8', '0x0a.0.0.0/8', '0x0A000001/32', '167772161/32', '0xg/8', '0x/8', '08.0.0.0/8', '1.2.3.4.5/8', '1.2.3./8', '.1.2.3/8', '1..2.3/8', '256.0.0.0/8', '1.2.3.256/32',
    '1.2.65535/32', '1.2.65536/32', '1.16777215/32', '1.16777216/32', '4294967295/32', '4294967296/32', '999.1.1.1/32', '-1.0.0.0/8', '+1.0.0.0/8', '1e1.0.0.0/8', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/+8', '10.0.0.0/008',
    '10.0.0.0/8x', '10.0.0.0/0x8', '10.0.0.0//8', '10.0.0.0/8/8', '10.0.0.0/0', '0.0.0.0/0', '0/0', '10.1.2.3/8', '10.0.0.0/99999999999999999999', '10.0.0.0/\v8', '"10.0.0.0/ 8"', '"10.0.0.0/8 "', '"10.0.0.0 /8"', '" 10.0.0.0/8"', '/8', '""/8',
    '00.0.0.0/0', '0.0.0.00/0', '1.2.3.0x4/32', '1.2.3.04/32', '1.2.3.4\f/32', '10.0.0.0%lo/8', 'ffff/8', '1/32', '1.2/32', '127.1/32',
  ].map((address) => `host all all ${address} md5`),
  ...['::1/128', '::/0', '::1/129', '::1/127', '2001:db8::/32', '2001:DB8::A/64', '1:2:3:4:5:6:7:8/128', '1:2:3:4:5:6:7::/112', '::2:3:4:5:6:7:8/128', '1::3:4:5:6:7:8/128', '1:2:3:4:5:6:7:8:9/128', '1:2:3:4:5:6:7/128', '1::2::3/128', ':1/128', '1:/128', ':::/0', ':/0',
    '::ffff:1.2.3.4/128', '::1.2.3.4/128', '::1.2.3/128', '::1.2.3.256/128', '::01.2.3.4/128', '1.2.3.4::/128', '::1.2.3.4:5/128', '1:2:3:4:5:6:1.2.3.4/128', '1:2:3:4:5:6:7:1.2.3.4/128', '1:2:3:4:5::1.2.3.4/128', '::12345/128', '::g/128', '::00001/128', '::0001/128',
    'fe80::1%lo/64', 'fe80::1%nonsense0/64', 'fe80::1%1/64', 'fe80::1%999/64', 'fe80::1%/64', 'fe80::1%4294967295/64', 'fe80::1%4294967296/64', 'fe80::1%01/64', 'fe80::1%1x/64', '::1%lo/128', '::1%1/128', 'ff02::1%lo/16', 'ff01::1%lo/16', 'ff05::1%lo/16', 'fe80::1%lo%lo/64', 'fe80::%lo:0/0', 'fe80::1%lo:/64', 'fe80::1%:lo/64', 'fe80::1%lo:a:b/64', 'fe80::1%lo:345678901234/64', 'fe80::1%lo:3456789012345/64', 'fe80::1%1:0/64', '::1%lo:0/128', '[::1]/128', '::1/+128', '0:0:0:0:0:0:0:0/0',
    '0:0:1:0:0:0:0:0/128', '1:0:0:2:0:0:0:3/128', '1:0:0:2:3:0:0:4/128', '1:0:2:3:4:5:6:7/128', '::ffff:0:0/96', '::fffe:1.2.3.4/128', '::1:2/128', '::ffff:0:1.2.3.4/128', '64:ff9b::1.2.3.4/96',
  ].map((address) => `host all all ${address} md5`),
  ...['all', 'samehost', 'samenet', 'ALL', 'SameNet', 'SAMEHOST', '*', 'my_host', 'my-host.example.org', '.example.org', '.', 'example.org/8', '*/0', 'localhost', '10.0.0.x', 'host..name', 'caf\xc3\xa9', '/', 'all/0', 'samenet/8', '_', '10.0.0.0-10.0.0.9', '10.*'].map((address) => `host all all ${address} md5`),
  ...['10.0.0.0 255.0.0.0', '10.0.0.0 255.0.255.0', '10.1.2.3 255.0.0.0', '10.0.0.0 255', '10.0.0.0 0xff000000', '10.0.0.0 0377.0.0.0', '10.0.0.0 ffff::', '::1 ffff::', '::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '::1 255.0.0.0', '::1 0:ffff::', '10.0.0.0 nonsense', '10.0.0.0 trust', '10.0.0.0 255.0.0.0/8', '10.0.0.0 8',
    '10.0.0.0 ""', '10.0.0.0 0', '::1 ::', '10.0.0.0/8 255.0.0.0', 'example.org 255.0.0.0', 'all 255.0.0.0', 'samenet 255.0.0.0', '1.2.3.4 255.255.255.255', 'fe80::1%lo ffff::%lo', 'fe80::1%lo fe80::%lo', '::1 ::%1',
  ].map((address) => `host all all ${address} md5`),
])

const methods = [
  ...after('methods', ['trust', 'reject', 'md5', 'password', 'scram-sha-256', 'gss', 'sspi', 'ident', 'peer', 'ldap', 'radius', 'cert', 'pam', 'bsd', 'oauth', 'crypt', 'krb5', 'kerberos', 'gssapi', 'none', 'trust,md5'].flatMap((method) => [
    `local all all ${method}`, `host all all 10.0.0.0/8 ${method}`, `hostssl all all 10.0.0.0/8 ${method}`, `hostgssenc all all 10.0.0.0/8 ${method}`,
  ])),
]

const options = after('options', [
  ...['map=m', 'map=', 'map', '=x', '=', 'map=a=b', 'MAP=m', 'map=m map=n', '"map=a b"', 'map="a b"', 'map=a,map=b', 'nonsense=1', 'nonsense'].flatMap((option) => [`local all all peer ${option}`, `host all all 10.0.0.0/8 ident ${option}`, `host all all 10.0.0.0/8 md5 ${option}`]),
  ...['clientcert=0', 'clientcert=1', 'clientcert=no-verify', 'clientcert=verify-ca', 'clientcert=verify-full', 'clientcert=2', 'clientcert=', 'clientcert=Verify-CA', 'clientcert=verify-ca clientcert=0', 'clientname=CN', 'clientname=DN', 'clientname=cn', 'clientname=', 'map=m', 'map=m clientcert=verify-full clientname=DN']
    .flatMap((option) => [`hostssl all all 10.0.0.0/8 md5 ${option}`, `hostssl all all 10.0.0.0/8 cert ${option}`, `host all all 10.0.0.0/8 md5 ${option}`, `local all all peer ${option}`]),
  ...['pamservice=x', 'pam_use_hostname=1', 'ldapserver=x', 'ldapurl=ldap://x', 'ldapport=1', 'ldaptls=1', 'ldapscheme=x', 'krb_realm=X', 'include_realm=0', 'include_realm=1', 'compat_realm=1', 'upn_username=1', 'radiusservers=127.0.0.1', 'radiussecrets=x', 'radiusports=1', 'radiusidentifiers=x',
    'issuer=x', 'scope=x', 'validator=x', 'delegate_ident_mapping=1', 'hasOwnProperty=1', 'constructor=1', '__proto__=1'].map((option) => `host all all 10.0.0.0/8 md5 ${option}`),
  ...['', 'radiusservers=127.0.0.1', 'radiussecrets=x', 'radiusservers=127.0.0.1 radiussecrets=x', '"radiusservers=127.0.0.1,::1" radiussecrets=x', '"radiusservers=127.0.0.1,::1" "radiussecrets=x,y"', '"radiusservers=127.0.0.1,::1" "radiussecrets=x,y,z"', 'radiusservers= radiussecrets=x', 'radiusservers=127.0.0.1 radiussecrets=',
    '"radiusservers=127.0.0.1, 127.0.0.2" radiussecrets=x', '"radiusservers=127.0.0.1," radiussecrets=x', '"radiusservers=""127.0.0.1"",127.0.0.2" "radiussecrets=""a, b"",c"', '"radiusservers=127.0.0.1" "radiussecrets=""a"', 'radiusservers=127.0.0.1 radiussecrets=x radiusports=1812', 'radiusservers=127.0.0.1 radiussecrets=x radiusports=0',
    'radiusservers=127.0.0.1 radiussecrets=x radiusports=x', 'radiusservers=127.0.0.1 radiussecrets=x "radiusports=1,2"', 'radiusservers=127.0.0.1 radiussecrets=x radiusports=', 'radiusservers=127.0.0.1 radiussecrets=x "radiusports=1,"', 'radiusservers=127.0.0.1 radiussecrets=x radiusidentifiers=i', 'radiusservers=127.0.0.1 radiussecrets=x "radiusidentifiers=i,j"',
    'radiusservers=127.0.0.1 radiussecrets=x radiusports=12x', 'radiusservers=127.0.0.1 radiussecrets=x "radiusports= 5"', '"radiusservers=127.0.0.1 127.0.0.2" radiussecrets=x', 'radiusservers=127.0.0.1 radiussecrets=x map=m', 'radiusservers=127.0.0.1 radiussecrets=x clientcert=1',
    'radiusservers=127.0.0.1,radiussecrets=x', '"radiusservers=127.0.0.1,127.0.0.2,127.0.0.3" radiussecrets=x "radiusports=1,2,3" "radiusidentifiers=a,b,c"', '"radiusservers=""""" radiussecrets=x',
  ].map((option) => `host all all 10.0.0.0/8 radius ${option}`),
  ...['', 'issuer=i', 'scope=s', 'issuer=i scope=s', 'issuer=i scope=s validator=v', 'issuer=i scope=s map=m', 'issuer=i scope=s delegate_ident_mapping=1 map=m', 'issuer=i scope=s "scope=a b"'].flatMap((option) => [`host all all 10.0.0.0/8 oauth ${option}`, `local all all oauth ${option}`]),
])

const regexes = after('regular expressions', [
  ...['/^a$', '/a', '/', '/(', '/)', '/[', '/]', '/{', '/}', '/a{', '/a{1', '/a{1}', '/a{1,}', '/a{1,2}', '/a{2,1}', '/a{255}', '/a{256}', '/a{1,256}', '/a{1x}', '/*', '/a**', '/a*?', '/a+?', '/a??', '/a+*', '/a|b', '/a|', '/|', '/()', '/(*)', '/(a', '/a)', '/(?:a)', '/(?=a)', '/(?!a)', '/(?<=a)', '/(?<!a)b', '/(?a)', '/(?i)a',
    '/(?', '/(?z)a', '/(?q)a(', '/(?x)a', '/(?ic)A', '/(?i', '/***:a', '/***=a(', '/***a', '/***', '/\\', '/\\d+', '/\\D', '/\\w', '/\\s', '/\\q', '/\\m', '/\\ma', '/a\\M', '/\\ya\\y', '/\\Y', '/\\Aa\\Z', '/\\1', '/(a)\\1', '/(a\\1)', '/\\x', '/\\x41', '/\\u0041', '/\\u41', '/\\U00000041', '/\\c', '/\\cA', '/\\0', '/\\012', '/\\e\\f\\n', '/\\B', '/\\.',
    '/\\99', '/[a-', '/[.\\S', '/[a]', '/[^a]', '/[]a]', '/[^]a]', '/[a-z]', '/[z-a]', '/[a-]', '/[-a]', '/[a-b-c]', '/[a-c-e]', '/[[:alpha:]]', '/[[:foo:]]', '/[[:ALPHA:]]', '/[[:alpha:]', '/[[:alpha]', '/[[.a.]]', '/[[.hyphen.]]', '/[[.foo.]]', '/[[=a=]]', '/[[=ab=]]', '/[[.a.]-c]', '/[a-[:alpha:]]', '/[[:alpha:]-z]', '/[\\d]', '/[\\D]', '/[\\q]', '/[\\]]', '/[\\', '/[a\\', '/[[:<:]]a', '/a[[:>:]]', '/[[:word:]]', '/[[:ascii:]]',
    '/[--a]', '/[a--]', '/[---]', '/^*', '/$*', '/^+a', '/(^)*', '/(?:)*', '/(?=a)*', '/\\m*', '/\\A+', '/a{,2}', '/a{ 1}', '/a\\{', '/(a{255}){255}', '/((a{100}){100}){100}', '/(((a{255}){255}){255}){255}', '/caf\xe9', '/caf\xc3\xa9', '/[\xc3-\xe9]', '/a{1}{2}', '/a*{2}', '/{1}', '/a|*b', '/(|*)', '/\\2', '/(a)\\2', '/(a)(b)\\2', '/\\10', '/a{00001}', '/a{0}', '/a{0,0}', '/[[.', '/[[:', '/[', '/[^', '/[^]', '/[]', '/\\b', '/[\\b]', '/[\\a-\\e]', '/(?:', '/(?', '/(?#c)a', '/(?#', '/a(?#c)*', '/(?:a|b)+c{2,3}?$', '/x{1,2}y', '/***:***:a', '/***:(?i)a',
  ].map((pattern) => `local "${pattern}" all trust`),
  'local /^db[0-9]+$ all trust', 'local all /^u trust', 'local all "/^u,v$" trust', 'local all /a,/b,c trust', 'local "/(" all trust', 'local all +/a trust', 'local all "+/a" trust', 'local all/ all trust', 'host all all /10 md5', 'local /a{1,2} all trust', 'local all /all trust', 'local /replication all trust',
])

const includes = [
  tree('@file with one name', { [MAIN]: 'local @dbs all trust\n', dbs: 'a\n' }),
  tree('@file with many forms', { [MAIN]: 'local all @users trust\n', users: 'a b,c\n# no\nd # e\n"f g",+h\n\n"all" all\r\n' }),
  tree('@file missing', { [MAIN]: 'local @none all trust\nlocal all all trust\n' }),
  tree('@file empty', { [MAIN]: 'local @dbs all trust\nlocal all all trust\n', dbs: '# nothing\n' }),
  tree('@file empty beside a name', { [MAIN]: 'local a,@dbs all trust\n', dbs: '' }),
  tree('@file for the type', { [MAIN]: '@type all all trust\n', type: 'local\n' }),
  tree('@file for the type, two values', { [MAIN]: '@type all all trust\n', type: 'local host\n' }),
  tree('@file for the method and options', { [MAIN]: 'local all all @m @o\n', m: 'peer', o: 'map=x' }),
  tree('@file for the address', { [MAIN]: 'host all all @a md5\n', a: '10.0.0.0/8' }),
  tree('@file in a directory, relative to the file', { [MAIN]: 'local @d/one all trust\n', 'd/one': '@two,x', 'd/two': 'y', two: 'wrong' }),
  tree('@file with ..', { [MAIN]: 'local @d/one all trust\n', 'd/one': '@../two', two: 'y' }),
  tree('@file with . and doubled slashes', { [MAIN]: 'local @.//d/./one all trust\n', 'd/one': 'y' }),
  tree('@file with a slash behind', { [MAIN]: 'local @d/one/ all trust\nlocal @d// all trust\nlocal @none/ all trust\n', 'd/one': 'y' }),
  tree('@file with dots behind', { [MAIN]: 'local @d/one/. all trust\nlocal @d/one/x/.. all trust\nlocal @d/x/../one all trust\nlocal @./d/./one/./. all trust\nlocal @d/x/y/../../one all trust\nlocal @d/one/../.. all trust\nlocal @.. all trust\nlocal @. all trust\n', 'd/one': 'y', 'd/x/z': '' }),
  tree('@file missing with dots', { [MAIN]: 'local @d/../none all trust\nlocal @d/none/x/.. all trust\nlocal @./none all trust\nlocal @.//none all trust\nlocal @none/./ all trust\n', 'd/one': 'y' }),
  tree('include with a slash behind', { [MAIN]: 'include d/one/\ninclude d/none/../one\ninclude ./none/\n', 'd/one': 'local a b trust\n' }),
  tree('@file quoted behind the sign', { [MAIN]: 'local @"my file" all trust\n', 'my file': 'y' }),
  tree('@file quoted before the sign', { [MAIN]: 'local "@x" all trust\n', x: 'y' }),
  tree('@file missing in a nested file', { [MAIN]: 'local @one all trust\n', one: 'a,@none,b' }),
  tree('@file that is a directory', { [MAIN]: 'local @d all trust\nlocal all all trust\n', 'd/x': '' }),
  tree('@file that is a directory beside a name', { [MAIN]: 'local a,@d all trust\nlocal all all trust\n', 'd/x': '' }),
  tree('@file with a keyword', { [MAIN]: 'local @k all trust\n', k: 'all,"all",replication\n' }),
  tree('@file with a long line', { [MAIN]: 'local @k all trust\n', k: `${'#'.repeat(9000)}\n` }),
  tree('@file with a continuation', { [MAIN]: 'local @k all trust\n', k: 'a\\\nb\n' }),
  tree('@file with an include directive', { [MAIN]: 'local @k all trust\n', k: 'include other\n', other: 'x y\n' }),
  tree('@file makes an include directive', { [MAIN]: '@k other\n', k: 'include\n', other: 'local a b trust\n' }),
  tree('@file with a comma behind', { [MAIN]: 'local @k,b all trust\n', k: 'a' }),
  tree('@file twice', { [MAIN]: 'local @k,@k all trust\n', k: 'a' }),
  tree('@file missing and an error behind', { [MAIN]: 'local @none all nonsense\nlocal a\n' }),
  tree('include', { [MAIN]: 'local a b trust\ninclude other.conf\nlocal c d trust\n', 'other.conf': '\nlocal x y reject\n' }),
  tree('include missing', { [MAIN]: 'include none\nlocal a b trust\n' }),
  tree('include_if_exists missing', { [MAIN]: 'include_if_exists none\nlocal a b trust\n' }),
  tree('include_if_exists there', { [MAIN]: 'include_if_exists other\nlocal a b trust\n', other: 'local x y reject' }),
  tree('include_if_exists with an error', { [MAIN]: 'include_if_exists other\nlocal a b trust\n', other: 'local x y' }),
  tree('include an error', { [MAIN]: 'include other\nlocal a b trust\n', other: 'nonsense\nlocal x y reject' }),
  tree('include_dir', { [MAIN]: 'include_dir d\n', 'd/10.conf': 'local ten b trust', 'd/9.conf': 'local nine b trust', 'd/B.conf': 'local B b trust', 'd/a.conf': 'local a b trust', 'd/_.conf': 'local _ b trust', 'd/.x.conf': 'local hidden b trust', 'd/.conf': 'local bad b trust', 'd/x.CONF': 'local bad b trust', 'd/y.confx': 'local bad b trust', 'd/z': 'local bad b trust', 'd/s.conf/t.conf': 'local bad b trust' }),
  tree('include_dir missing', { [MAIN]: 'include_dir d\nlocal a b trust\n' }),
  tree('include_dir empty', { [MAIN]: 'include_dir d\nlocal a b trust\n', 'd/': '' }),
  tree('include_dir with a trailing slash', { [MAIN]: 'include_dir d/\n', 'd/x.conf': 'local a b trust' }),
  tree('include_dir of a file', { [MAIN]: 'include_dir f\nlocal a b trust\n', f: '' }),
  tree('include_dir with a missing nested include', { [MAIN]: 'include_dir d\nlocal a b trust\n', 'd/x.conf': 'include none\nlocal c d trust', 'd/y.conf': 'local e f trust' }),
  tree('include_dir with blanks for a name', { [MAIN]: 'include_dir " "\nlocal a b trust\n' }),
  tree('include_dir with an empty name', { [MAIN]: 'include_dir ""\nlocal a b trust\n' }),
  tree('include with an empty name', { [MAIN]: 'include ""\nlocal a b trust\n' }),
  tree('include a directory', { [MAIN]: 'include d\nlocal a b trust\n', 'd/x': '' }),
  tree('include in single quotes', { [MAIN]: "include 'other'\nlocal a b trust\n", other: 'local c d trust' }),
  tree('include in double quotes', { [MAIN]: '"include" "my other"\nlocal a b trust\n', 'my other': 'local c d trust' }),
  tree('include with an equals sign', { [MAIN]: 'include = other\nlocal a b trust\n', other: 'local c d trust' }),
  tree('include with two names', { [MAIN]: 'include one two\nlocal a b trust\n', one: 'local c d trust', two: 'local e f trust' }),
  tree('include with a list', { [MAIN]: 'include one,two\nlocal a b trust\n', one: 'local c d trust', two: 'local e f trust' }),
  tree('include as a list', { [MAIN]: 'include,x one\nlocal a b trust\n', one: 'local c d trust' }),
  tree('include in capitals', { [MAIN]: 'INCLUDE one\nlocal a b trust\n', one: 'local c d trust' }),
  tree('include without a name', { [MAIN]: 'include\ninclude_dir\ninclude_if_exists\n' }),
  tree('include relative to the including file', { [MAIN]: 'include d/one\n', 'd/one': 'include two\nlocal one b trust', 'd/two': 'local two b trust\n', two: 'local wrong b trust' }),
  tree('include with ..', { [MAIN]: 'include d/../d/./one\n', 'd/one': 'local one b trust' }),
  tree('include the same twice', { [MAIN]: 'include one\ninclude one\n', one: 'local one b trust\n' }),
  tree('include itself', { [MAIN]: `local a b trust\ninclude ${MAIN}\n` }),
  tree('include in a circle', { [MAIN]: 'include one\nlocal a b trust\n', one: 'include two\n', two: 'include one\nlocal c d trust\n' }),
  tree('include ten deep', { [MAIN]: 'include 1\n', ...Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`${n + 1}`, n === 9 ? 'local deep b trust\n' : `include ${n + 2}\n`])) }),
  tree('include eleven deep', { [MAIN]: 'include 1\n', ...Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`${n + 1}`, n === 10 ? 'local deep b trust\n' : `include ${n + 2}\n`])) }),
  tree('include_if_exists eleven deep', { [MAIN]: 'include_if_exists 1\n', ...Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`${n + 1}`, n === 10 ? 'local deep b trust\n' : `include_if_exists ${n + 2}\n`])) }),
  tree('include then a comment', { [MAIN]: 'include one # c\nlocal a b trust\n', one: 'local c d trust' }),
  tree('include continued', { [MAIN]: 'include \\\none\nlocal a b trust\n', one: 'local c d \\\ntrust\nbad' }),
  tree('include with no newline before', { [MAIN]: 'include one', one: '\n\nlocal c d trust' }),
  tree('include only files without rules', { [MAIN]: 'include one', one: '# c' }),
  tree('include @file', { [MAIN]: 'include @one\nlocal a b trust\n', one: 'two', two: 'local c d trust' }),
  tree('include a file that is no directory’s', { [MAIN]: 'include one/two\nlocal a b trust\n', one: '' }),
  tree('include non-ASCII', { [MAIN]: 'include caf\xc3\xa9\nlocal a b trust\n', 'café': 'local c d trust' }),
  tree('include a name of a missing non-ASCII file', { [MAIN]: 'include n\xc3\xb6\n' }),
]

const whole = [
  file('the default file', '# TYPE  DATABASE        USER            ADDRESS                 METHOD\n\nlocal   all             all                                     trust\nhost    all             all             127.0.0.1/32            trust\nhost    all             all             ::1/128                 trust\nlocal   replication     all                                     trust\nhost    replication     all             127.0.0.1/32            trust\n'),
  file('a list of names in several encodings', 'local /\xe9,caf\xc3\xa9,b\xe9 "\xff" trust\n'),
  file('several errors', 'nonsense\nlocal a b trust\nlocal\nhost a b c/8 md5\nlocal a b md5\nlocal a b nonsense\n'),
  file('errors that the view does not name', 'hostssl a b all md5 clientcert=x\nlocal a b trust\nhostssl a b all md5 clientname=x\nlocal c d trust\n'),
  file('hostssl that loads with a complaint', 'hostssl a b all md5\nlocal a b trust\nhostgssenc a b all md5\nlocal c d trust\n'),
  file('a shell script', '#!/bin/sh\nset -e\nif [ "$1" = x ]; then\n  echo "it\'s"\nfi\n'),
  file('an INI file', '[section]\nkey = value\n; comment\n'),
]

export const CASES: readonly HbaCase[] = [
  ...lineEndings, ...zeroBytes, ...continuations, ...longLines, ...tokens, ...shape, ...addresses, ...methods, ...options, ...regexes, ...includes, ...whole,
]
