import { resolve } from "node:path";
import type { Setting } from "./conf-text.ts";
import type { Report } from "./report.ts";

/** A file of settings: broker.conf itself, or one of plugin.d. */
export interface SettingsFile {
  /** Only these set go-choria's own settings; of other files it reads options that are looked up by name. */
  readonly isCore: boolean;
  readonly settings: readonly Setting[];
}

/** Where paths in the settings lead from. */
export interface Place {
  /** Folder of broker.conf. */
  readonly folder: string;
  /** Replaces a leading `~`; undefined where it is not known. */
  readonly home: string | undefined;
}

/**
 * The settings with go-choria's rules: the last one wins, lists are one line with commas, a number that is none leaves the
 * default, and anything but 1, yes, true, y or t is false (confkey/confkey.go, v0.29.4). Remembers what was asked for, so
 * that the rest can be named.
 */
export class BrokerSettings {
  readonly #core = new Map<string, Setting>();
  readonly #all = new Map<string, Setting>();
  readonly #used = new Set<string>();
  readonly #place: Place;
  readonly #report: Report;

  constructor(files: readonly SettingsFile[], place: Place, report: Report) {
    this.#place = place;
    this.#report = report;
    for (const { isCore, settings } of files) {
      for (const setting of settings) {
        this.#noteRepeated(setting);
        this.#all.set(setting.key, setting);
        if (isCore) this.#core.set(setting.key, setting);
      }
    }
  }

  /** One of go-choria's own settings. */
  find(key: string): Setting | undefined {
    this.#used.add(key);
    const found = this.#core.get(key);
    const elsewhere = this.#all.get(key);
    if (elsewhere !== undefined && found !== elsewhere) {
      const where = `${elsewhere.file}:${elsewhere.line}`;
      this.#report.remark("reading", `${key} in ${where} does not count: go-choria takes it from broker.conf only`);
    }
    return found;
  }

  /** A setting that go-choria looks up by name, wherever it stands. */
  option(key: string): Setting | undefined {
    this.#used.add(key);
    return this.#all.get(key);
  }

  text(key: string): string | undefined {
    return this.find(key)?.value;
  }

  /** Null when it is not set. */
  list(key: string): readonly string[] | null {
    return (
      this.text(key)
        ?.split(",")
        .map((part) => part.trim()) ?? null
    );
  }

  flag(key: string, fallback: boolean): boolean {
    const setting = this.find(key);
    if (setting === undefined) return fallback;
    if (!/^(?:1|yes|true|y|t|0|no|false|n|f)$/i.test(setting.value)) {
      this.#report.remark("reading", `${key} = ${setting.value} is neither yes nor no: go-choria takes it as no`);
    }
    return /^(?:1|yes|true|y|t)$/i.test(setting.value);
  }

  count(key: string, fallback: number): number {
    const setting = this.find(key);
    if (setting === undefined) return fallback;
    if (/^[+-]?\d+$/.test(setting.value)) return Number(setting.value);
    this.#report.remark("reading", `${key} = ${setting.value} is no number: go-choria takes its default, ${fallback}`);
    return fallback;
  }

  /** An absolute path, or undefined when it is not set. */
  path(key: string): string | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const { home, folder } = this.#place;
    const expanded = text.startsWith("~") && home !== undefined ? text.replace("~", home) : text;
    if (!expanded.startsWith("/")) {
      const taken = resolve(folder, expanded);
      this.#report.remark(
        "choose",
        `${key} = ${text} is relative to the folder go-choria is started in; taken as ${taken}`,
      );
    }
    return resolve(folder, expanded);
  }

  /** Settings nobody asked for, each once. */
  rest(): readonly Setting[] {
    return [...this.#all.values()].filter(({ key }) => !this.#used.has(key));
  }

  #noteRepeated({ key, file, line }: Setting): void {
    const earlier = this.#all.get(key);
    if (earlier === undefined) return;
    const text = `${key} is set in ${earlier.file}:${earlier.line} and again in ${file}:${line}, which counts`;
    this.#report.remark("reading", text);
  }
}
