import type { TrustSettings } from "../../shared/choria/settings.ts";
import { checkConfig } from "../../shared/config/checks/check.ts";
import { trustFileUses } from "../../shared/config/files.ts";
import { parseTrust } from "../../shared/config/load.ts";
import type { Environment } from "../../shared/config/parse/variables.ts";
import { ConfigError, unplaced } from "../../shared/config/problem.ts";
import { trustSettings } from "../../shared/config/resolve.ts";
import type { Config } from "../../shared/config/schema.ts";
import { filePath, filesBeside, readConfigFile } from "./config-file.ts";

/** Where a running bridge's trust comes from: the `trust` section of a configuration file, and the files it names. */
export class TrustSource {
  readonly #path: string;
  readonly #env: Environment;
  #config: Config;
  /** As `readSection` found it last. */
  #read: Config;

  /** `config` as it was read from `path` at the start. */
  constructor(path: string, env: Environment, config: Config) {
    this.#path = path;
    this.#env = env;
    this.#config = config;
    this.#read = config;
  }

  /** The files that the section in force names. */
  get paths(): readonly string[] {
    return trustFileUses(this.#config).map(({ name }) => filePath(this.#path, name));
  }

  /**
   * Reads the section again, and its files. Throws `ConfigError`. The section has to fit the configuration that is running
   * (a longer ttl needs longer duplicate windows); what the file says elsewhere by now is not looked at. Until `keep` the one
   * before stays: trust may be refused for what stands in the files.
   */
  readSection(): TrustSettings {
    const { text, file } = readConfigFile(this.#path, this.#env);
    const config = { ...this.#config, trust: parseTrust(text, file, this.#env) };
    const findings = checkConfig({ config, isTrustKnown: true });
    if (findings.length > 0) throw new ConfigError(findings.map((finding) => unplaced(file, finding)));
    const settings = trustSettings(config, filesBeside(this.#path));
    this.#read = config;
    return settings;
  }

  /** What `readSection` found last is in force: from now on its files are the ones. */
  keep(): void {
    this.#config = this.#read;
  }

  /** Reads the files of the section in force. Throws `ConfigError`. */
  readFiles(): TrustSettings {
    return trustSettings(this.#config, filesBeside(this.#path));
  }
}
