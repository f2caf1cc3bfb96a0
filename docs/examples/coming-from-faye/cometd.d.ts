export declare function connect(cometd: object, url: string, token: string): void
