import { describe, expect, it } from 'vitest'
import { parseServerOptions, startsServer } from '../../src/platforms/command-line.ts'
import { parseCurrentLogfiles, parsePgVersion, parsePostmasterOpts, parsePostmasterPid, parseSocketDirectories } from '../../src/platforms/data-directory.ts'
import { parseListJson, parseListTable } from '../../src/platforms/linux-apt.ts'
import { parseStat } from '../../src/platforms/processes.ts'
import { containerOfCgroup, parseEnvironment, parseEnvironmentFile, parseExecStart, parseShow, unitOfCgroup } from '../../src/platforms/systemd.ts'

describe('a server\'s arguments', () => {
  it('short options become the settings that they are', () => {
    expect(parseServerOptions(['-p', '5433', '-h', '127.0.0.1', '-k', '/tmp/a b', '-N', '20', '-B', '64', '-F', '-i', '-l']).settings).toEqual([
      ['port', '5433'], ['listen_addresses', '127.0.0.1'], ['unix_socket_directories', '/tmp/a b'], ['max_connections', '20'], ['shared_buffers', '64'],
      ['fsync', 'false'], ['listen_addresses', '*'], ['ssl', 'true'],
    ])
  })
  it('options run together, and values stick to them', () => {
    expect(parseServerOptions(['-Fp5433', '-cwal_level=logical', '-iD', '/data']).settings).toEqual([['fsync', 'false'], ['port', '5433'], ['wal_level', 'logical'], ['listen_addresses', '*']])
    expect(parseServerOptions(['-iD', '/data'])).toMatchObject({ directory: '/data', rest: ['-i'] })
  })
  it('a dash in a long name is an underscore, one in a value is not', () => {
    expect(parseServerOptions(['--archive-mode=on', '-c', 'cluster-name=a-b', '--config_file=/etc/x=y.conf']).settings).toEqual([['archive_mode', 'on'], ['cluster_name', 'a-b'], ['config_file', '/etc/x=y.conf']])
  })
  it('keeps everything but -D for another start', () => {
    expect(parseServerOptions(['-D', 'rel/data', '-p', '5433', '-c', 'a.b=', '-D/other'])).toEqual({ settings: [['port', '5433'], ['a.b', '']], directory: '/other', rest: ['-p', '5433', '-c', 'a.b='] })
  })
  it('odd ones are passed over', () => {
    expect(parseServerOptions(['-c', 'nonsense', '-Z', 'word', '-p'])).toMatchObject({ settings: [['port', '']] })
    expect(parseServerOptions(['-f', 's', '-f', '?', '-t', 'pa', '-t', 'x', '-d', '3'])).toMatchObject({ settings: [['enable_seqscan', 'false'], ['log_parser_stats', 'true'], ['log_min_messages', 'debug3']] })
  })
  it('not every postgres is a server', () => {
    for (const args of [['--version'], ['-V'], ['--single', '-D', 'x'], ['--boot'], ['-C', 'port', '-D', 'x'], ['-D', 'x', '-C', 'port'], ['--describe-config']]) expect(startsServer(args), args.join(' ')).toBe(false)
    for (const args of [[], ['-D', '/data'], ['-c', '-C'], ['-D', '-C']]) expect(startsServer(args), args.join(' ')).toBe(true)
  })
})

describe('files of a data directory', () => {
  it('PG_VERSION', () => {
    expect([parsePgVersion('15\n'), parsePgVersion('9.6\n'), parsePgVersion('18'), parsePgVersion('x'), parsePgVersion('')]).toEqual([15, 9, 18, undefined, undefined])
  })
  it('postmaster.pid', () => {
    expect(parsePostmasterPid('812\n/var/lib/postgresql/15/main\n1763872000\n5433\n/var/run/postgresql\nlocalhost\n  2614878        17\nready   \n')).toEqual({
      pid: 812, dataDir: '/var/lib/postgresql/15/main', startTime: 1763872000, port: 5433, socketDir: '/var/run/postgresql', listenAddress: 'localhost', status: 'ready',
    })
    // Its first moments, and a Windows server: no socket, CRLF.
    expect(parsePostmasterPid('812\n/d\n1763872000\n5433\n')).toEqual({ pid: 812, dataDir: '/d', startTime: 1763872000, port: 5433 })
    expect(parsePostmasterPid('4312\r\nC:/pgdata\r\n1763872000\r\n5432\r\n\r\nlocalhost\r\n\r\nready   \r\n')).toEqual({ pid: 4312, dataDir: 'C:/pgdata', startTime: 1763872000, port: 5432, listenAddress: 'localhost', status: 'ready' })
    expect(parsePostmasterPid('-99\n/d\n')).toMatchObject({ pid: -99 })
    for (const text of ['', '\n', 'junk\n/d\n', '12x\n']) expect(parsePostmasterPid(text)).toBeUndefined()
  })
  it('postmaster.opts', () => {
    expect(parsePostmasterOpts('/usr/lib/postgresql/15/bin/postgres "-D" "/data dir/15" "-c" "a=it\'s"\n')).toEqual({ program: '/usr/lib/postgresql/15/bin/postgres', args: ['-D', '/data dir/15', '-c', "a=it's"] })
    expect(parsePostmasterOpts('C:/Program Files/PostgreSQL/15/bin/postgres.exe "-D" "C:\\pgdata"\r\n')).toEqual({ program: 'C:/Program Files/PostgreSQL/15/bin/postgres.exe', args: ['-D', 'C:\\pgdata'] })
    expect(parsePostmasterOpts('/usr/local/pgsql/bin/postgres\n')).toEqual({ program: '/usr/local/pgsql/bin/postgres', args: [] })
    expect(parsePostmasterOpts('')).toBeUndefined()
  })
  it('current_logfiles', () => {
    expect(parseCurrentLogfiles('csvlog log/a.csv\nstderr log/post gres.log\n')).toBe('log/post gres.log')
    expect(parseCurrentLogfiles('jsonlog /var/log/a.json\n')).toBe('/var/log/a.json')
    expect(parseCurrentLogfiles('')).toBeUndefined()
  })
  it('unix_socket_directories', () => {
    expect(parseSocketDirectories('/run/postgresql, /tmp', '/d')).toEqual(['/run/postgresql', '/tmp'])
    expect(parseSocketDirectories('"/tmp/a, b" , sockets,@abstract', '/d')).toEqual(['/tmp/a, b', '/d/sockets'])
    expect(parseSocketDirectories('', '/d')).toEqual([])
  })
})

describe('/proc', () => {
  it('a name may hold what separates the fields', () => {
    expect(parseStat('12 (a) b (c) S 1 12 12 0')).toEqual({ name: 'a) b (c', state: 'S', parent: 1 })
    expect(parseStat('')).toBeUndefined()
  })
  it('the unit of a process', () => {
    expect(unitOfCgroup('0::/system.slice/system-postgresql.slice/postgresql@15-ns.service\n')).toEqual({ name: 'postgresql@15-ns' })
    expect(unitOfCgroup('12:cpu:/\n1:name=systemd:/system.slice/postgresql-15.service\n0::/\n')).toEqual({ name: 'postgresql-15' })
    expect(unitOfCgroup('0::/system.slice/system-postgresql.slice/postgresql@15\\x2dmy.service\n')).toEqual({ name: 'postgresql@15-my' })
    expect(unitOfCgroup('0::/user.slice/user-1000.slice/user@1000.service/app.slice/homebrew.postgresql@17.service\n')).toEqual({ name: 'homebrew.postgresql@17', user: 1000 })
    for (const path of ['/user.slice/user-0.slice/session-1.scope', '/user.slice/user-1000.slice/user@1000.service/app.slice/vte.scope', '/user.slice/user-1000.slice/user@1000.service', '/init.scope', '/']) expect(unitOfCgroup(`0::${path}\n`), path).toBeUndefined()
    expect(unitOfCgroup('')).toBeUndefined()
  })
  it('the container of a process', () => {
    const id = '0123456789ab'.repeat(5) + 'cdef'
    expect(containerOfCgroup(`0::/system.slice/docker-${id}.scope\n`)).toEqual({ runtime: 'docker', id })
    expect(containerOfCgroup(`12:cpu:/docker/${id}\n`)).toEqual({ runtime: 'docker', id })
    expect(containerOfCgroup(`0::/machine.slice/libpod-${id}.scope/container\n`)).toEqual({ runtime: 'podman', id })
    expect(containerOfCgroup(`0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-${id}.scope\n`)).toEqual({ runtime: 'kubernetes', id })
    expect(containerOfCgroup('0::/lxc.payload.db1/system.slice/postgresql-15.service\n')).toEqual({ runtime: 'lxc', id: 'db1' })
    expect(containerOfCgroup('0::/machine.slice/systemd-nspawn@deb.service/payload\n')).toEqual({ runtime: 'systemd-nspawn', id: 'deb' })
    expect(containerOfCgroup('0::/system.slice/docker.service\n')).toBeUndefined()
    expect(containerOfCgroup('0::/system.slice/postgresql@15-main.service\n')).toBeUndefined()
  })
})

describe('systemctl show', () => {
  it('blocks, one a unit', () => {
    const units = parseShow('Environment="PGDATA=/pg data/15" A=1\nId=postgresql-15.service\nLoadState=loaded\n\nId=x.service\nLoadState=not-found\n')
    expect(units.map((unit) => unit.get('Id'))).toEqual(['postgresql-15.service', 'x.service'])
    expect([...parseEnvironment(units[0]!.get('Environment')!)]).toEqual([['PGDATA', '/pg data/15'], ['A', '1']])
  })
  it('commands, with their words', () => {
    const text = '{ path=/usr/pgsql-15/bin/postgres ; argv[]=/usr/pgsql-15/bin/postgres -D ${PGDATA} ; ignore_errors=no ; start_time=[Mon 2026-11-23 01:11:42 UTC] ; stop_time=[n/a] ; pid=523 ; code=(null) ; status=0/0 }'
    expect(parseExecStart(text)).toEqual([{ path: '/usr/pgsql-15/bin/postgres', words: ['/usr/pgsql-15/bin/postgres', '-D', '${PGDATA}'] }])
    expect(parseExecStart('')).toEqual([])
  })
  it('environment files', () => {
    expect([...parseEnvironmentFile('# comment\nPGDATA="/srv/pg data"\n\nexport X=1\njunk\n;no=1\n')]).toEqual([['PGDATA', '/srv/pg data'], ['X', '1']])
  })
})

describe('pg_lsclusters', () => {
  it('as a table, with blanks in a path and with what it does not know', () => {
    const lines = [
      '15  main    5432 online               postgres /var/lib/postgresql/15/main /var/log/postgresql/postgresql-15-main.log',
      '15  my-two  5433 down,binaries_missing postgres /srv/pg data/15            /var/log/postgresql/a.log,/var/log/postgresql/a.csv',
      '13  old     <unknown> down            <unknown> <unknown>                  syslog',
      '16  p       5434 online,recovery,patroni postgres /p \u001b[0m/l/postgresql-%Y.log',
      'Warning: something odd', '',
    ]
    expect(parseListTable(lines.join('\n'))).toEqual([
      { version: '15', name: 'main', running: true, port: 5432, dataDir: '/var/lib/postgresql/15/main', logFile: '/var/log/postgresql/postgresql-15-main.log' },
      { version: '15', name: 'my-two', running: false, port: 5433, dataDir: '/srv/pg data/15' },
      { version: '13', name: 'old', running: false },
      { version: '16', name: 'p', running: true, supervisor: 'patroni', port: 5434, dataDir: '/p' },
    ])
  })
  it('as JSON, in any order of keys', () => {
    expect(parseListJson('[{"running":1,"version":15,"cluster":"main","port":"5432","pgdata":"/d","logfile":"/l","configdir":"/etc/postgresql/15/main","supervisor":"pacemaker"},{"odd":true},7]')).toEqual([
      { version: '15', name: 'main', running: true, port: 5432, dataDir: '/d', logFile: '/l', configDirectory: '/etc/postgresql/15/main', supervisor: 'pacemaker' },
    ])
    expect(parseListJson('Please install JSON.pm')).toBeUndefined()
    expect(parseListJson('{}')).toBeUndefined()
  })
})
