/** A contender of bench/ that cannot be started. */
export { absent as setup } from 'a-package-that-nobody-has';
