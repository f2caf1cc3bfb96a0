/** CPU time of this process alone (children are not in it), in microseconds. */
export interface CpuTime {
  readonly userUs: number
  readonly systemUs: number
}

export interface Usage extends CpuTime {
  readonly wallUs: number
}

/** Starts measuring; what it returns tells the usage since. */
export function measureUsage(): () => Usage {
  const cpu = process.cpuUsage()
  const start = process.hrtime.bigint()
  return () => {
    const used = process.cpuUsage(cpu)
    return {
      userUs: used.user,
      systemUs: used.system,
      wallUs: Number(process.hrtime.bigint() - start) / 1000,
    }
  }
}

export function totalUs(usage: CpuTime): number {
  return usage.userUs + usage.systemUs
}
