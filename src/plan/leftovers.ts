import { isTemporaryName } from '../host/replace.ts'
import type { Plan } from './plan.ts'
import { asOwner } from './server-context.ts'
import type { ServerContext } from './server-context.ts'
import { parentOf } from './state-directory.ts'

/** Removes what a killed run left beside the files that it was about to replace. What cannot be removed harms nobody. */
export async function removeLeftovers(context: ServerContext, plan: Plan): Promise<void> {
  const { host } = context
  const written = plan.steps.flatMap((step) => (step.kind === 'write-file' ? [step] : []))
  const directories = new Map<string, boolean>()
  for (const { path, asRoot } of written) {
    const real = await host.realPath(path, asOwner(context)).catch(() => path)
    directories.set(parentOf(real), asRoot === true)
  }
  for (const [directory, asRoot] of directories) {
    const acting = asRoot ? {} : asOwner(context)
    for (const { name, kind } of await host.list(directory, acting).catch(() => [])) {
      if (kind === 'file' && isTemporaryName(name)) await host.removeFile(`${directory}/${name}`, acting).catch(() => undefined)
    }
  }
}
