// Files of a test in a directory of their own.
import fs from 'node:fs/promises'
import path from 'node:path'

/** Writes files below a new directory below /tmp and returns it; whoever asks removes it. */
export async function filesIn(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await fs.mkdtemp('/tmp/pgwal-files-')
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(directory, name)
    await fs.mkdir(path.dirname(file), { recursive: true })
    await fs.writeFile(file, text)
  }
  return directory
}
