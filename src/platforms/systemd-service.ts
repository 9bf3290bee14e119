// A unit of systemd. https://www.freedesktop.org/software/systemd/man/latest/systemctl.html
import type { Host } from '../host/host.ts'
import { pgCtlService, WAIT_MS } from './pg-ctl.ts'
import type { Cluster, Command, Service } from './platform.ts'

/**
 * The commands for a unit. A server that runs outside its unit is stopped with pg_ctl first: a restart of the unit would
 * fail, and the old server would run on with the old configuration.
 */
export async function systemdService(cluster: Cluster, host: Host): Promise<Service> {
  const { name: unit, userManager } = cluster.service
  const self = await host.self()
  const command = (file: string, args: readonly string[]): Command => ({
    file, args, timeoutMs: WAIT_MS, ...(userManager === self.uid && userManager !== 0 ? { env: { XDG_RUNTIME_DIR: `/run/user/${userManager}` } } : {}),
  })
  const manager = userManager === undefined ? [] : userManager === self.uid ? ['--user'] : ['--user', '-M', `${cluster.owner.name}@`]
  const systemctl = (...args: string[]): Command => command('systemctl', [...manager, ...args, unit])
  const outside = cluster.notes.some(({ code }) => code === 'outside-unit') ? await pgCtlService(cluster, host) : undefined
  return {
    describe: ['systemctl', ...manager, 'restart', unit].join(' '),
    restart: outside === undefined ? [systemctl('restart')] : [...outside.stop, systemctl('reset-failed'), systemctl('start')],
    start: [systemctl('start')],
    stop: outside?.stop ?? [systemctl('stop')],
    reload: outside?.reload ?? [systemctl('reload')],
    reloadUnits: [command('systemctl', [...manager, 'daemon-reload'])],
    logs: command('journalctl', [...(userManager === undefined ? ['-u', unit] : ['--user-unit', unit]), '-o', 'cat', '-n', '50', '--no-pager']),
    needsRoot: userManager === undefined,
  }
}
