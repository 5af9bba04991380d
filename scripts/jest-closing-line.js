/** Prints one summary line at the end that people and programs can read without knowing Jest. */
export default class ClosingLine {
  onRunComplete(_contexts, results) {
    const skipped = results.numPendingTests + results.numTodoTests
    // A suite that fails to load counts as one failure; otherwise it would be missing.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites
    const line = `${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped\n`
    // Jest's own summary is printed after all reporters.
    process.once('exit', () => process.stdout.write(line))
  }
}
