/** Tries one layer with these dependencies: the number of attacks that pass it. */
export type Trial<Parts> = (parts: Parts) => Promise<number>

/**
 * Defines layers over a set of dependencies. Each is tried without the others: it gets only its own dependencies, so it
 * is tried once for each of them, whatever the state of the rest.
 */
export const layerOver =
  <Parts>() =>
  <K extends keyof Parts>(
    standsOn: readonly K[],
    trial: (parts: Pick<Parts, K>) => Promise<number>,
  ): Trial<Parts> => {
    const trials: { readonly own: readonly unknown[]; readonly through: Promise<number> }[] = []
    return (parts) => {
      const own = standsOn.map((name) => parts[name])
      const before = trials.find((each) => each.own.every((part, place) => part === own[place]))
      if (before) return before.through
      const through = trial(parts)
      trials.push({ own, through })
      return through
    }
  }

/** The layers whose own tests fail with these dependencies. */
export async function failing<Parts>(
  layers: Readonly<Record<string, Trial<Parts>>>,
  parts: Parts,
): Promise<readonly string[]> {
  const names: string[] = []
  for (const [name, through] of Object.entries(layers)) if ((await through(parts)) > 0) names.push(name)
  return names
}
