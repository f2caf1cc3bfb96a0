import { testSeeds } from './seeds.testing.ts'

testSeeds(261, 130)
