import { testSeeds } from './seeds.testing.ts'

testSeeds(391, 130)
