import { expect, it } from 'vitest'
import type { Host } from '../../src/host/host.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { stoppableHost } from '../../src/host/stoppable-host.ts'

it('once it is stopped, every call is refused to whoever made it, and none behind their back', async () => {
  const unheard: unknown[] = []
  const hear = (reason: unknown): void => { unheard.push(reason) }
  process.on('unhandledRejection', hear)
  const real = new NodeHost()
  const given = new AbortController()
  const host = stoppableHost(real, given.signal, () => new Error('given up'))
  expect((await host.stat('/')).kind).toBe('directory')
  given.abort()
  await expect(host.stat('/')).rejects.toThrow('given up')
  await expect(host.run('true', [])).rejects.toThrow('given up')
  const listing = async (): Promise<number> => {
    let count = 0
    for await (const names of host.listBatches('/')) count += names.length
    return count
  }
  await expect(listing()).rejects.toThrow('given up')
  expect([host.hostName(), host.interfaces(), host.sha256(new Uint8Array(1))]).toEqual([real.hostName(), real.interfaces(), real.sha256(new Uint8Array(1))])
  // Whatever else the Host has that answers at once answers still: a refused promise in its place would be heard by nobody.
  for (const name of ['now', 'randomId'] satisfies (keyof Host)[]) expect(host[name](4)).not.toBeInstanceOf(Promise)
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', hear)
  expect(unheard).toEqual([])
})
