// A serverless plugin that builds the functions before they are packaged: a zip can only hold what was just checked.
const { spawnSync } = require("node:child_process");
const { join } = require("node:path");
const functionVariables = require("./variables.cjs");

class BuildLambda {
  constructor(serverless) {
    const build = () => {
      const { environment } = serverless.service.provider;
      const variables = functionVariables(environment, serverless.getProvider("aws").getRegion());
      const given = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
      const args = ["--import", "tsx", join(__dirname, "build.ts"), ...given];
      const { status } = spawnSync(process.execPath, args, { cwd: serverless.serviceDir, stdio: "inherit" });
      if (status !== 0) throw new serverless.classes.Error("the functions cannot be built: see above");
    };
    this.hooks = {
      "before:package:createDeploymentArtifacts": build,
      "before:deploy:function:packageFunction": build,
    };
  }
}

module.exports = BuildLambda;
