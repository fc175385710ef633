"use strict";
// What a typed answer is worth, by the rules of tinygrad_mlp/debug/_quiz_judging.py: the same steps, in the
// same order, on the same 64-bit floats.

class Judge {
  constructor(rules) {
    Object.assign(this, rules);
    for (const kind of ["minus_signs", "spaces", "power_of_ten"]) this[kind] = new RegExp(rules[kind], "g");
    for (const kind of ["number", "comma"]) this[kind] = new RegExp(rules[kind]);
    this.names = Object.keys(rules.kinds);
  }

  /** The number that was typed: {value, unit in its last place, digits}; or the name of a message. */
  read(typed) {
    const plain = trimmed(typed.replace(this.minus_signs, "-").replace(this.spaces, " "));
    const text = plain.replace(this.power_of_ten, "e");
    if (text === "") return "empty";
    if (this.comma.test(text)) return "comma";
    const parts = text.split("/").map((part) => this.readNumber(trimmed(part)));
    if (parts.length > 2 || parts.includes(null)) return "text";
    const [over, under] = parts;
    if (under?.value === 0) return "zero";
    const number = under ? { value: over.value / under.value, unit: 0, digits: 0 } : over;
    return Number.isFinite(number.value) ? number : "large";
  }

  readNumber(text) {
    const found = this.number.exec(text);
    if (!found) return null;
    const [sign, whole, decimals, exponent] = found.slice(1).map((part) => part ?? "");
    if (!whole && !decimals) return null;
    return {
      value: Number(`${sign}${whole}.${decimals}e${exponent || 0}`),
      unit: Number(`1e${Number(exponent || 0) - decimals.length}`),
      digits: (whole + decimals).replace(/^0+/, "").length,
    };
  }

  /** {kind: "right", a mistake, "wrong", or what is no attempt; line: the reason of a mistake, or message}. */
  verdict([answer, slack, , , , mistakes], typed) {
    const number = this.read(typed);
    if (typeof number === "string") return this.said(number);
    const { value, unit, digits } = number;
    const half = this.rounded * unit * (1 + this.little);
    const isMet = (target, room) => Math.abs(value - target) <= room + (digits >= this.least_digits ? half : 0);
    const apart = Math.abs(value - answer);
    const isExact = ([target, room]) => Math.abs(value - target) <= room;
    if (isMet(answer, slack)) {
      const isNearer = (known) => isExact(known) && Math.abs(value - known[0]) < apart;
      return this.said(mistakes.some(isNearer) ? "close" : "right");
    }
    const exact = mistakes.find(isExact);
    const mistake = exact ?? mistakes.find(([target, room]) => isMet(target, room));
    if (mistake) return { kind: this.names[mistake[2]], line: mistake[3], isAttempt: true };
    if (digits === 1 && apart <= slack + half) return this.said("digits");
    if (digits >= this.least_digits && apart <= slack + unit * (1 + this.little)) return this.said("rounding");
    return this.said("wrong");
  }

  said(kind) {
    const isAttempt = ["right", "wrong", "rounding"].includes(kind);
    return { kind, message: this.messages[kind], isAttempt };
  }
}

function trimmed(text) {
  return text.replace(/^ +| +$/g, "");
}
