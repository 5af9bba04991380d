import { testReadYourWrites } from './support/read-your-writes.ts'

// Fewer than with MongoDB: what is special here is the position of a write, and the CPU of the test. Set 10000 for as many.
const rounds = Number(process.env['FRESHET_TEST_WRITES'] ?? 2_000)

testReadYourWrites(rounds, '--database-kind=postgres')
