export declare function sendOnce(url: string, body: unknown, key?: string): Promise<Response>
