/** Tries one layer with these dependencies: the number of attacks that pass it. */
export type Trial<Walls> = (walls: Walls) => Promise<number>

/**
 * Defines layers over a set of dependencies. Each is tried without the others: it gets only its own dependencies, so it
 * is tried once for each of them, whatever the state of the rest.
 */
export const layerOver =
  <Walls>() =>
  <K extends keyof Walls>(
    standsOn: readonly K[],
    trial: (walls: Pick<Walls, K>) => Promise<number>,
  ): Trial<Walls> => {
    const trials: { readonly own: readonly unknown[]; readonly through: Promise<number> }[] = []
    return (walls) => {
      const own = standsOn.map((name) => walls[name])
      const before = trials.find((each) => each.own.every((wall, place) => wall === own[place]))
      if (before) return before.through
      const through = trial(walls)
      trials.push({ own, through })
      return through
    }
  }

/** The layers whose own tests fail with these dependencies. */
export async function failing<Walls>(
  layers: Readonly<Record<string, Trial<Walls>>>,
  walls: Walls,
): Promise<readonly string[]> {
  const names: string[] = []
  for (const [name, through] of Object.entries(layers)) if ((await through(walls)) > 0) names.push(name)
  return names
}
