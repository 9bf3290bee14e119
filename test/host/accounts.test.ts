import os from 'node:os'
import { expect, test } from 'vitest'
import { findInPasswd } from '../../src/host/accounts.ts'
import { host, notRoot, owner, root } from './support.ts'

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\n#comment\nbroken\n+nis::::::\npostgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/sh\nnohome:x:5:6::\nhuge:x:99999999999:1::/:\n'

test('passwd lines by name and by uid', () => {
  expect(findInPasswd(PASSWD, 'postgres')).toEqual({ name: 'postgres', uid: 101, gid: 104, home: '/var/lib/postgresql' })
  expect(findInPasswd(PASSWD, 101)?.name).toBe('postgres')
  expect(findInPasswd(PASSWD, '101')).toBeUndefined()
  expect(findInPasswd(PASSWD, 'nohome')).toEqual({ name: 'nohome', uid: 5, gid: 6 })
  expect(findInPasswd(PASSWD, 'huge')).toBeUndefined()
  expect(findInPasswd(PASSWD, 'broken')).toBeUndefined()
})

test('who we are, and who others are', async () => {
  const self = await host.self()
  expect(self).toMatchObject({ name: os.userInfo().username, uid: process.geteuid!(), privileged: root })
  expect(await host.account(owner.uid)).toMatchObject({ name: owner.name, gid: owner.gid })
  for (const nobody of ['pgwal-no-such-account', '--help', '', 'a:b', '-1', 4_000_000_001]) expect(await host.account(nobody)).toBeUndefined()
})

test.skipIf(notRoot)('an account has its own groups, and none of root\'s', async () => {
  const { actingAs } = await import('../../src/host/acting.ts')
  const before = { uid: process.geteuid!(), gid: process.getegid!(), groups: process.getgroups!() }
  const inside = actingAs(owner, () => ({ uid: process.geteuid!(), gid: process.getegid!(), groups: process.getgroups!() }))
  expect(inside).toMatchObject({ uid: owner.uid, gid: owner.gid })
  const known = (await host.run('id', ['-G', owner.name])).stdout.trim().split(' ').map(Number)
  expect([...inside.groups].sort()).toEqual(known.sort())
  expect(() => actingAs(owner, () => { throw new Error('inside') })).toThrow('inside')
  expect(() => actingAs(owner, () => Promise.resolve())).toThrow('synchronous')
  expect({ uid: process.geteuid!(), gid: process.getegid!(), groups: process.getgroups!() }).toEqual(before)
})

test('interfaces in CIDR form', () => {
  expect(host.interfaces().length).toBeGreaterThan(0)
  for (const address of host.interfaces()) expect(address).toMatch(/^[0-9a-f.:]+\/\d+$/)
})
