// Runs the built program on a terminal of its own, as a person does who takes what each question has for an answer.
import { spawn } from 'node:child_process'
import { PROGRAM } from './pgwal.ts'

const TERMINAL = `
import os, pty, subprocess, sys
pid, fd = pty.fork()
if pid == 0: os.execv(sys.argv[2], sys.argv[2:])
new = b""
try:
    while True:
        data = os.read(fd, 4096)
        if not data: break
        os.write(1, data)
        new += data
        if b"?\\x1b[39m " in new:
            if b"Apply" in new:
                subprocess.run(["/bin/sh", "-c", sys.argv[1]], stdout=subprocess.DEVNULL, check=True)
            new = b""
            os.write(fd, b"\\r")
except OSError: pass
sys.exit(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
`

/** @param meanwhile what somebody does in a shell while the plan is looked at */
export function onTerminal(args: readonly string[], env: Readonly<Record<string, string>>, meanwhile: string): Promise<{ readonly code: number | null; readonly shown: string }> {
  return new Promise((resolve) => {
    const child = spawn('python3', ['-c', TERMINAL, meanwhile, process.execPath, PROGRAM, ...args], { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TERM: 'xterm', LANG: 'C.UTF-8', ...env } })
    let shown = ''
    child.stdout.on('data', (text: Buffer) => { shown += text.toString() })
    child.once('close', (code) => { resolve({ code, shown }) })
  })
}
