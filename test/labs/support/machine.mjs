// A whole Debian machine from this one, with a real systemd or without: an overlay over / (nothing of ours is written), started
// with systemd-nspawn in network and process namespaces of its own, driven with nsenter, ended by its process id.
import { execFile, spawn } from 'node:child_process'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { binDirectory, installServers } from '../../support/install-servers.mjs'

const exec = promisify(execFile)
const checkout = path.resolve(import.meta.dirname, '../../..')

/** Where the built program lies inside a machine. */
export const PROGRAM_DIRECTORY = '/opt/pgwal'

let reason
/** Machines that are there now. */
const live = new Set()

/** Why this machine cannot start another one; undefined when it can. */
export function whyNot() {
  return (reason ??= lookWhyNot())
}

/** Removes what is left when a run is broken off. */
export async function removeAll() {
  await Promise.allSettled([...live].map((machine) => machine.remove()))
}

async function lookWhyNot() {
  if (process.platform !== 'linux') return 'not Linux'
  if (process.getuid() !== 0) return 'needs root'
  for (const program of ['systemd-nspawn', 'nsenter', 'mount']) {
    if (await exec('sh', ['-c', `command -v ${program}`]).then(() => false, () => true)) return `${program} is missing`
  }
  const filesystems = await fs.readFile('/proc/filesystems', 'utf8')
  if (!/\boverlay\b/.test(filesystems) && (await exec('modprobe', ['overlay']).then(() => false, () => true))) return 'the kernel has no overlayfs'
  // In a container of somebody else's, mounts and namespaces may be refused: one is tried.
  let machine
  try {
    machine = await Machine.create('trial')
    await exec('systemd-nspawn', ['-D', machine.root, '--private-network', '--register=no', '--keep-unit', '--quiet', '--pipe', '/bin/true'], { timeout: 60_000 })
    return undefined
  } catch (error) {
    return `no machine can be started here: ${String(error.stderr || error.message).trim().split('\n').at(-1)}`
  } finally {
    await machine?.remove()
  }
}

export class Machine {
  #root
  #nspawn
  #leader
  #removed
  #bare = false

  /** Directory of the machine's root file system, as seen from here: to prepare files before `boot`. */
  get root() {
    return path.join(this.#root, 'merged')
  }

  static async create(name) {
    const machine = new Machine()
    live.add(machine)
    machine.#root = await fs.mkdtemp(path.join(os.tmpdir(), `pgwal-lab-${name}-`))
    try {
      await machine.#lay()
      return machine
    } catch (error) {
      await machine.remove()
      throw error
    }
  }

  async #lay() {
    for (const part of ['layers', 'merged']) await fs.mkdir(path.join(this.#root, part))
    await exec('mount', ['-t', 'tmpfs', '-o', 'size=3g', 'tmpfs', path.join(this.#root, 'layers')])
    for (const part of ['upper', 'work']) await fs.mkdir(path.join(this.#root, 'layers', part))
    const layers = path.join(this.#root, 'layers')
    await exec('mount', ['-t', 'overlay', 'overlay', '-o', `lowerdir=/,upperdir=${layers}/upper,workdir=${layers}/work`, this.root])
    // The built program as it is installed: the checkout may lie where the machine has something else (/tmp), or on another disk.
    await fs.mkdir(path.join(this.root, PROGRAM_DIRECTORY), { recursive: true })
    await exec('cp', ['-R', ...['bin', 'dist', 'package.json', 'oclif.manifest.json'].map((part) => path.join(checkout, part)), path.join(this.root, PROGRAM_DIRECTORY)])
    // What a test host does not need, or must not do.
    await fs.rm(path.join(this.root, 'var/lib/pgwal'), { recursive: true, force: true })
    for (const unit of ['docker.service', 'docker.socket', 'containerd.service', 'ssh.service', 'systemd-timesyncd.service', 'apt-daily.timer', 'apt-daily-upgrade.timer', 'systemd-networkd-wait-online.service']) {
      await fs.symlink('/dev/null', path.join(this.root, 'etc/systemd/system', unit)).catch(() => undefined)
    }
  }

  /** Runs a program on the files of the machine before it is started: to make accounts. */
  async prepare(file, args) {
    await exec('chroot', [this.root, file, ...args])
  }

  /** Lays one of the packaged servers into the machine, as somebody who built it there: a copy, so that the lab may break it. */
  async installServer(major, prefix) {
    if (!(await installServers([String(major)]))) throw new Error('no servers for this platform')
    const inside = path.join(this.root, prefix)
    await fs.mkdir(path.dirname(inside), { recursive: true })
    await exec('cp', ['-a', path.dirname(binDirectory(major)), inside])
  }

  /** With systemd as its first process. */
  async boot() {
    await this.#start(['--boot'], async () => ['running', 'degraded'].includes((await this.run('systemctl', ['is-system-running'])).stdout.trim()))
  }

  /** Without an init that knows of services, like a container or a machine of another kind of init. */
  async startBare() {
    this.#bare = true
    // By its name and parent, never by number: who looks in before it has started takes the next number itself.
    await this.#start(['--as-pid2', '--', '/bin/sleep', 'infinity'], async () => (await this.run('pgrep', ['-P', '1', '-x', 'sleep'])).code === 0)
  }

  async #start(how, ready) {
    this.#nspawn = spawn('systemd-nspawn', ['-D', this.root, '--private-network', '--register=no', '--keep-unit', '--quiet', '--link-journal=no', `--machine=${path.basename(this.#root)}`, ...how], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    this.#nspawn.stderr.on('data', (chunk) => (said = `${said}${chunk}`.slice(-2000)))
    const deadline = Date.now() + 90_000
    for (;;) {
      if (this.#nspawn.exitCode !== null) throw new Error(`systemd-nspawn ended with ${this.#nspawn.exitCode}: ${said}`)
      if (Date.now() > deadline) throw new Error(`the machine did not start within 90 s: ${said}`)
      const children = await exec('pgrep', ['-P', String(this.#nspawn.pid)]).then((done) => done.stdout.trim().split('\n'), () => [])
      if (children[0]) {
        this.#leader = children[0]
        if (await ready().catch(() => false)) return
      }
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }

  /** Runs a program inside, as root, with a login-like environment. A non-zero exit is a value. */
  async run(file, args = [], { timeoutMs = 180_000, env = {} } = {}) {
    const inside = ['-t', this.#leader, '-a', '--', '/usr/bin/env', '-i', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LANG=C.UTF-8',
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`), file, ...args]
    return exec('nsenter', inside, { timeout: timeoutMs, maxBuffer: 64 << 20 }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error) => {
        if (typeof error.code !== 'number') throw error
        return { code: error.code, stdout: error.stdout, stderr: error.stderr }
      },
    )
  }

  /** Stops it by its process id and removes its file system. */
  remove() {
    return (this.#removed ??= this.#remove())
  }

  async #remove() {
    if (this.#nspawn !== undefined && this.#nspawn.exitCode === null) {
      const ended = new Promise((resolve) => this.#nspawn.once('exit', resolve))
      const end = () => {
        try {
          if (this.#leader) process.kill(Number(this.#leader), 'SIGKILL')
          else this.#nspawn.kill('SIGKILL')
        } catch {
          // It has just ended by itself.
        }
      }
      // With its first process ends all that it holds. SIGTERM to nspawn asks systemd to power off; what has not ended by then is ended.
      if (this.#bare) end()
      else this.#nspawn.kill('SIGTERM')
      const late = setTimeout(end, 20_000)
      await ended
      clearTimeout(late)
    }
    await exec('umount', ['-l', this.root]).catch(() => undefined)
    await exec('umount', ['-l', path.join(this.#root, 'layers')]).catch(() => undefined)
    await fs.rm(this.#root, { recursive: true, force: true, maxRetries: 3 })
    live.delete(this)
  }
}
