import { testReadYourWrites } from './support/read-your-writes.ts'

testReadYourWrites(10_000)
