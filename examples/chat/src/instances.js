const refreshEveryMs = 1_000

/** The services of `npm run dev`. */
export async function loadRun() {
  const response = await fetch('run.json', { signal: AbortSignal.timeout(5_000) })
  if (!response.ok) throw new Error(`npm run dev answered ${response.status}`)
  return await response.json()
}

/** Lists the delivery instances, each with a button that kills it, and keeps the list current. */
export function showInstances({ deliveries }) {
  const rows = deliveries.map(({ name }, at) => {
    const state = element('span', { className: 'badge' })
    const kill = element('button', { className: 'kill', textContent: 'Kill -9' })
    kill.setAttribute('aria-label', `Kill ${name}`)
    kill.addEventListener('click', () => {
      kill.disabled = true
      void fetch(`deliveries/${at + 1}/kill`, { method: 'POST' }).catch(() => undefined)
    })
    const row = element('li')
    row.append(element('strong', { textContent: name }), state, kill)
    return { row, state, kill }
  })
  document.querySelector('#instances').replaceChildren(...rows.map(({ row }) => row))
  const show = (at, text, running) => {
    const { state, kill } = rows[at]
    state.textContent = text
    state.dataset.good = String(running)
    kill.disabled = !running
  }
  const refresh = async () => {
    try {
      const run = await loadRun()
      for (const [at, { running }] of run.deliveries.entries())
        show(at, running ? 'running' : 'killed, starts again', running)
    } catch {
      for (const at of rows.keys()) show(at, 'npm run dev has ended', false)
    }
    setTimeout(() => void refresh(), refreshEveryMs)
  }
  void refresh()
}

/** A new element with these properties. */
export function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties)
}
