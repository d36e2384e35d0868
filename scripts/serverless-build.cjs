// A serverless plugin that builds the function before it is packaged: the zip can only hold what was just checked.
const { execFileSync } = require("node:child_process");
const { join } = require("node:path");

class BuildLambda {
  constructor() {
    const build = () => execFileSync(process.execPath, [join(__dirname, "build-lambda.mjs")], { stdio: "inherit" });
    this.hooks = {
      "before:package:createDeploymentArtifacts": build,
      "before:deploy:function:packageFunction": build,
    };
  }
}

module.exports = BuildLambda;
