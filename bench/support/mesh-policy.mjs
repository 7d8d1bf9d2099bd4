/** Everything at its default, four endpoints. */
export const meshPolicy = (ports) => ({ version: 1, services: { reviews: { discovery: { endpoints: ports.map((port) => `127.0.0.1:${port}`) } } } });
