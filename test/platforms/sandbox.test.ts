// Units as `systemctl show` prints them, and what they leave to a service.
import { describe, expect, it } from 'vitest'
import { readWriteLine, sandboxAccess, withReadWritePath } from '../../src/platforms/sandbox.ts'
import { parseShow } from '../../src/platforms/systemd.ts'

const unit = (...lines: string[]) => parseShow(['Id=postgresql-17.service', ...lines].join('\n'))[0]!

describe('what decides about a path', () => {
  it.each<[string, string[], string, string]>([
    ['nothing', [], '/srv/wal', 'open'],
    ['strict', ['ProtectSystem=strict'], '/srv/wal', 'read-only ProtectSystem=strict'],
    ['strict, opened', ['ProtectSystem=strict', 'ReadWritePaths=/var/lib/pgsql -/srv'], '/srv/wal', 'open ReadWritePaths=/var/lib/pgsql -/srv'],
    ['strict, a neighbour opened', ['ProtectSystem=strict', 'ReadWritePaths=/srv/wal-2'], '/srv/wal', 'read-only ProtectSystem=strict'],
    ['strict, a directory of systemd\'s own making', ['ProtectSystem=strict', 'StateDirectory=pgsql'], '/var/lib/pgsql/backups/wal', 'open StateDirectory=pgsql'],
    ['full: not the data', ['ProtectSystem=full'], '/var/lib/pgsql/wal', 'open'],
    ['full: /etc', ['ProtectSystem=full'], '/etc/wal', 'read-only ProtectSystem=full'],
    ['yes: /usr', ['ProtectSystem=yes'], '/usr/local/pgsql/wal', 'read-only ProtectSystem=yes'],
    ['a private /tmp', ['PrivateTmp=yes'], '/tmp/wal', 'hidden PrivateTmp=yes'],
    ['a private /var/tmp', ['PrivateTmp=yes'], '/var/tmp/wal', 'hidden PrivateTmp=yes'],
    ['not /tmpfiles', ['PrivateTmp=yes'], '/tmpfiles', 'open'],
    ['no homes', ['ProtectHome=yes'], '/home/joe/wal', 'hidden ProtectHome=yes'],
    ['empty homes', ['ProtectHome=tmpfs'], '/home/joe/wal', 'hidden ProtectHome=tmpfs'],
    ['homes to look at', ['ProtectHome=read-only'], '/root/wal', 'read-only ProtectHome=read-only'],
    ['a closed directory in an open one', ['ReadWritePaths=/srv', 'InaccessiblePaths=/srv/wal'], '/srv/wal', 'hidden InaccessiblePaths=/srv/wal'],
    ['the same path twice: the stricter line', ['ReadWritePaths=/srv', 'ReadOnlyPaths=/srv'], '/srv/wal', 'read-only ReadOnlyPaths=/srv'],
    ['an open directory in a read-only one', ['ReadOnlyPaths=/srv', 'ReadWritePaths=/srv/wal/'], '/srv/wal', 'open ReadWritePaths=/srv/wal/'],
    ['another root', ['RootDirectory=/jail'], '/srv/wal', 'hidden RootDirectory=/jail'],
    ['something bound over it', ['ProtectSystem=strict', 'BindPaths=/mnt/a:/srv/wal:rbind'], '/srv/wal', 'open BindPaths=/mnt/a:/srv/wal:rbind'],
    ['an empty file system over it', ['TemporaryFileSystem=/srv:ro'], '/srv/wal', 'hidden TemporaryFileSystem=/srv:ro'],
    ['blanks', ['ProtectSystem=strict', 'ReadWritePaths="/srv/a b"'], '/srv/a b', 'open ReadWritePaths="/srv/a b"'],
  ])('%s', (_, lines, path, wanted) => {
    const { access, line } = sandboxAccess(unit(...lines), path)
    expect([access, ...(line === undefined ? [] : [line])].join(' ')).toBe(wanted)
  })
})

describe('the drop-in', () => {
  it.each([
    ['/srv/wal', 'ReadWritePaths=-/srv/wal'],
    ['/srv/a b', 'ReadWritePaths="-/srv/a b"'],
    ['/srv/100%', 'ReadWritePaths=-/srv/100%%'],
    ['/srv/"x\\', 'ReadWritePaths="-/srv/\\"x\\\\"'],
    ['/備份', 'ReadWritePaths="-/備份"'],
  ])('%s', (path, line) => {
    expect(readWriteLine(path)).toBe(line)
  })

  it('a new one, one that has it, and one with somebody\'s own lines', () => {
    const made = withReadWritePath(null, '/srv/wal')
    expect(made).toMatch(/^#.*\n\[Service\]\nReadWritePaths=-\/srv\/wal\n$/)
    expect(withReadWritePath(made, '/srv/wal')).toBe(made)
    expect(withReadWritePath('[Unit]\nAfter=x.mount', '/srv/wal')).toBe('[Unit]\nAfter=x.mount\n[Service]\nReadWritePaths=-/srv/wal\n')
    expect(withReadWritePath(made, '/srv/other')).toBe(`${made}[Service]\nReadWritePaths=-/srv/other\n`)
  })
})
