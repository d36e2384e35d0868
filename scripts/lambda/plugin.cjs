// A serverless plugin that builds the functions before they are packaged: a zip can only hold what was just checked.
const { spawnSync } = require("node:child_process");
const { join } = require("node:path");

class BuildLambda {
  constructor(serverless) {
    const build = () => {
      const args = ["--import", "tsx", join(__dirname, "build.ts")];
      const env = { ...process.env, ...texts(serverless.service.provider.environment) };
      const { status } = spawnSync(process.execPath, args, { cwd: serverless.serviceDir, env, stdio: "inherit" });
      if (status !== 0) throw new serverless.classes.Error("the functions cannot be built: see above");
    };
    this.hooks = {
      "before:package:createDeploymentArtifacts": build,
      "before:deploy:function:packageFunction": build,
    };
  }
}

/** The functions' variables as far as they are known: what only the deployment knows is an object here. */
function texts(environment = {}) {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => typeof value === "string"));
}

module.exports = BuildLambda;
