/** Waits until something holds; gives up after a time that no healthy machine needs. */
export async function eventually(holds: () => Promise<boolean>, what = 'this', timeoutMs = 60_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what} did not come true in ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
