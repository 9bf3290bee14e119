import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { NodeHost } from '../../src/host/node-host.ts'
import { rememberingHost } from '../../src/host/remembering-host.ts'

test('what was seen stays, what was refused stays, and everything else is asked anew', async () => {
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-test-remember-'))
  try {
    const machine = new NodeHost()
    const host = rememberingHost(machine)
    const file = `${directory}/here`
    await fs.writeFile(file, 'old')
    expect(Buffer.from(await host.read(file)).toString()).toBe('old')
    await expect(host.stat(`${directory}/there`)).rejects.toMatchObject({ code: 'ENOENT' })
    await fs.writeFile(file, 'newer')
    await fs.writeFile(`${directory}/there`, '')
    expect(Buffer.from(await host.read(file)).toString()).toBe('old')
    await expect(host.stat(`${directory}/there`)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(Buffer.from(await host.readPart(file, 0, 10)).toString()).toBe('newer')
    expect(Buffer.from(await machine.read(file)).toString()).toBe('newer')
    // Another question is another answer: whose eyes, how much, links or not.
    await expect(host.read(file, { limit: 2 })).rejects.toMatchObject({ code: 'too-large' })
    expect(host.pid).toBe(process.pid)
  } finally {
    await fs.rm(directory, { recursive: true })
  }
})
