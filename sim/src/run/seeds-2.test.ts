import { testSeeds } from './seeds.testing.ts'

testSeeds(131, 130)
