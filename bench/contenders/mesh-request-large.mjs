/**
 * `mesh.request` in a large mesh: 500 services with 10,000 endpoints, all of them of the one that is called but one of each other, and 200 routes.
 * The addresses are all of 127.0.0.0/8, where the same few servers answer.
 */
import { meshRequest } from '../support/mesh.mjs';

const SERVICES = 500;
const ENDPOINTS = 10_000;
const ROUTES = 200;

export function largePolicy(ports) {
  const address = (number) => `127.${1 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}:${ports[number % ports.length]}`;
  const others = SERVICES - 1;
  const endpoints = Array.from({ length: ENDPOINTS - others }, (_, number) => address(number));
  const routes = Array.from({ length: ROUTES - 1 }, (_, number) => ({ name: `r${number}`, match: [{ path: { prefix: `/api/v${number % 4}/things-${number}` } }], deadline: '20s' }));
  routes.push({ name: 'reviews', match: [{ path: { prefix: '/reviews' } }] });
  const services = { reviews: { discovery: { endpoints }, routes } };
  for (let number = 0; number < others; number += 1) services[`service-${number}`] = { discovery: { endpoints: [address(ENDPOINTS - 1 - number)] } };
  return { version: 1, services };
}

export const setup = ({ everywhere }) => meshRequest(everywhere, largePolicy(everywhere));
