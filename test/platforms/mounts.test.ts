import { expect, it } from 'vitest'
import { mountOf } from '../../src/platforms/mounts.ts'

const MOUNTS = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/mapper/root rw
30 22 0:25 / /srv rw shared:2 - xfs /dev/sdb1 rw
31 30 0:40 / /srv/my\\040wal rw,relatime shared:3 - nfs4 nas:/exports/wal rw,vers=4.2,soft
32 30 0:41 / /srv/bucket rw,nosuid master:5 propagate_from:2 - fuse.s3fs s3fs rw,user_id=0
33 30 0:42 / /srv/twice rw - ext4 /dev/sdc1 rw
34 33 0:43 / /srv/twice rw - cifs //nas/wal rw
`

it.each([
  ['/var/lib', { type: 'ext4', source: '/dev/mapper/root' }],
  ['/srv/walrus', { type: 'xfs', source: '/dev/sdb1' }],
  ['/srv/my wal/15', { type: 'nfs4', source: 'nas:/exports/wal' }],
  ['/srv/bucket', { type: 'fuse.s3fs', source: 's3fs' }],
  ['/srv/twice/x', { type: 'cifs', source: '//nas/wal' }],
])('%s', (path, wanted) => {
  expect(mountOf(MOUNTS, path)).toEqual(wanted)
})

it('no table', () => {
  expect(mountOf('', '/srv')).toBeUndefined()
})
