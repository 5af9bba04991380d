/** Ends a run of the tests with one line that a person, or another program, can read without knowing jest. */
export default class ClosingLine {
  onRunComplete(_contexts, results) {
    const skipped = results.numPendingTests + results.numTodoTests
    // A suite that could not even be loaded counts as one failure: otherwise it would vanish from the line.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites
    const line = `${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped\n`
    // The summary of jest always comes after its reporters.
    process.once('exit', () => process.stdout.write(line))
  }
}
