"use strict";
// What Python packed: DEFLATE (RFC 1951), five letters for four bytes. A browser's own DecompressionStream has
// its answer only later; here all of the page is ready when its program begins.

/** The first number and the extra bits of each symbol; `group` symbols have as many of these. */
function rangesOf(base, group, count) {
  return Array.from({ length: count }, (_, symbol) => {
    const extra = Math.max(0, Math.floor(symbol / group) - 1);
    base += 1 << extra;
    return { base: base - (1 << extra), extra };
  });
}

const LENGTHS = [...rangesOf(3, 4, 28), { base: 258, extra: 0 }];
const DISTANCES = rangesOf(1, 2, 30);
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]; // of code lengths
const END = 256;
const DAMAGED = "this page is damaged: write it again";

/** The code of a block from the length of each symbol's word: how many words have it, the symbols. */
function codeOf(lengths) {
  const symbols = [];
  const counts = Array.from({ length: 16 }, (_, length) => {
    const before = symbols.length;
    if (length) lengths.forEach((each, symbol) => each === length && symbols.push(symbol));
    return symbols.length - before;
  });
  return { counts, symbols };
}

const FIXED = [144, 112, 24, 8].flatMap((count, place) => Array(count).fill([8, 9, 7, 8][place]));

class Packed {
  constructor(bytes) {
    this.bytes = bytes;
    this.place = 0; // in bits
    this.found = [];
  }

  bits(count) {
    if (this.place + count > 8 * this.bytes.length) throw new Error(DAMAGED);
    let number = 0;
    for (let bit = 0; bit < count; bit++, this.place++) {
      number |= ((this.bytes[this.place >> 3] >> (this.place & 7)) & 1) << bit;
    }
    return number;
  }

  symbol({ counts, symbols }) {
    let [word, first, before] = [0, 0, 0];
    for (let length = 1; length < 16; length++) {
      word = 2 * word + this.bits(1);
      first *= 2;
      if (word - first < counts[length]) return symbols[before + word - first];
      first += counts[length];
      before += counts[length];
    }
    throw new Error(DAMAGED);
  }

  /** The lengths of the words of both codes of a block, which are packed themselves. */
  codes() {
    const [n_symbols, n_distances, n_lengths] = [this.bits(5) + 257, this.bits(5) + 1, this.bits(4) + 4];
    const own = Array(19).fill(0);
    for (const symbol of ORDER.slice(0, n_lengths)) own[symbol] = this.bits(3);
    const code = codeOf(own);
    const lengths = [];
    while (lengths.length < n_symbols + n_distances) {
      const symbol = this.symbol(code);
      if (symbol < 16) lengths.push(symbol);
      else if (symbol === 16) lengths.push(...Array(3 + this.bits(2)).fill(lengths.at(-1)));
      else lengths.push(...Array(symbol === 17 ? 3 + this.bits(3) : 11 + this.bits(7)).fill(0));
    }
    return [codeOf(lengths.slice(0, n_symbols)), codeOf(lengths.slice(n_symbols))];
  }

  block(symbols, distances) {
    for (;;) {
      const symbol = this.symbol(symbols);
      if (symbol === END) return;
      if (symbol < END) {
        this.found.push(symbol);
        continue;
      }
      const length = this.number(LENGTHS[symbol - END - 1]);
      const from = this.found.length - this.number(DISTANCES[this.symbol(distances)]);
      for (let place = from; place < from + length; place++) this.found.push(this.found[place]);
    }
  }

  number({ base, extra }) {
    return base + this.bits(extra);
  }

  /** What is there as it is. */
  stored() {
    this.place = (this.place + 7) & ~7;
    const length = this.bits(16);
    this.bits(16); // its complement
    for (let count = 0; count < length; count++) this.found.push(this.bits(8));
  }

  unpacked() {
    for (let isLast = 0; !isLast; ) {
      isLast = this.bits(1);
      const kind = this.bits(2);
      if (kind === 3) throw new Error(DAMAGED);
      if (kind === 0) this.stored();
      else if (kind === 1) this.block(codeOf(FIXED), codeOf(Array(30).fill(5)));
      else this.block(...this.codes());
    }
    return Uint8Array.from(this.found);
  }
}

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;:=>?@^_`,|}~";

/** The bytes that stand in base 85. */
function bytesOf(letters) {
  const bytes = [];
  for (let at = 0; at < letters.length; at += 5) {
    const five = letters.slice(at, at + 5);
    const number = [...five.padEnd(5, "~")].reduce((sum, digit) => 85 * sum + DIGITS.indexOf(digit), 0);
    for (let place = 1; place < five.length; place++) bytes.push((number / 256 ** (4 - place)) & 255);
  }
  return bytes;
}

/** The text that Python packed. */
function unpacked(letters) {
  return new TextDecoder().decode(new Packed(bytesOf(letters)).unpacked());
}
