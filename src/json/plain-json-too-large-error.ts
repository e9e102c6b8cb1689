/** The body holds more JSON outside its arrays of numbers than may be parsed in one turn of the event loop. */
export class PlainJsonTooLargeError extends Error {
  override readonly name = 'PlainJsonTooLargeError';
}
