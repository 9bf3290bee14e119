// Builds dist/: one entry a command, shared code split into chunks, every dependency bundled (see docs/decisions/0002).
// The manifest is wiped and made anew each time, because oclif trusts a stale one of the same version.
import fs from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const dist = path.join(root, 'dist')

async function main() {
  // Made beside the old one and swapped in, so that a program that runs meanwhile finds a whole tree.
  const fresh = await fs.mkdtemp(path.join(root, '.dist-'))
  try {
    const commands = (await fs.readdir(path.join(root, 'src/commands'))).filter((name) => name.endsWith('.ts'))
    const result = await build({
      absWorkingDir: root,
      entryPoints: { cli: 'src/cli.ts', ...Object.fromEntries(commands.map((name) => [`commands/${name.slice(0, -3)}`, `src/commands/${name}`])) },
      outdir: fresh,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
      minifySyntax: true,
      minifyWhitespace: true,
      legalComments: 'none',
      metafile: true,
      logLevel: 'warning',
      // pg looks at it to tell where it runs. Where Node has none (20), it would make a Response instead, and that loads half of the network.
      define: { navigator: '{"userAgent":"Node.js"}' },
      external: ['pg-native', 'typescript', 'ts-node'],
      // CommonJS dependencies ask for Node's own modules through require.
      banner: { js: "import { createRequire as __createRequire } from 'node:module'; import { fileURLToPath as __toPath } from 'node:url'; import { dirname as __dirnameOf } from 'node:path'; const require = __createRequire(import.meta.url); const __filename = __toPath(import.meta.url); const __dirname = __dirnameOf(__filename);" },
    })
    await fs.writeFile(path.join(fresh, 'THIRD-PARTY-LICENSES.txt'), await licenses(Object.keys(result.metafile.inputs)))
    await fs.chmod(fresh, 0o755)
    await fs.rm(dist, { recursive: true, force: true })
    await fs.rename(fresh, dist)
  } finally {
    await fs.rm(fresh, { recursive: true, force: true })
  }
  await writeManifest()
}

/** The licence of every package of which a file went into the bundle. */
async function licenses(inputs) {
  const packages = new Set(inputs.flatMap((input) => input.match(/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []))
  const texts = []
  for (const directory of [...packages].sort()) {
    const { name, version, license } = JSON.parse(await fs.readFile(path.join(root, directory, 'package.json'), 'utf8'))
    const file = (await fs.readdir(path.join(root, directory))).find((entry) => /^licen[cs]e/i.test(entry))
    const text = file === undefined ? `License: ${license}` : await fs.readFile(path.join(root, directory, file), 'utf8')
    texts.push(`${name} ${version}\n${'-'.repeat(60)}\n${text.trim()}\n`)
  }
  return texts.join('\n\n')
}

async function writeManifest() {
  const file = path.join(root, 'oclif.manifest.json')
  await fs.rm(file, { force: true })
  const { Plugin } = await import(pathToFileURL(path.join(root, 'node_modules/@oclif/core/lib/index.js')).href)
  const plugin = new Plugin({ root, type: 'core', ignoreManifest: true, errorOnManifestCreate: true })
  await plugin.load()
  await fs.writeFile(file, `${JSON.stringify(plugin.manifest)}\n`)
}

await main()
