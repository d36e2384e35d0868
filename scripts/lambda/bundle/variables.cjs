/**
 * The variables that the functions will have, as far as a package of all of them can know. Of `provider.environment` in
 * serverless.yml what only the deployment knows is an object, and left out; so is what Lambda sets for each function alone.
 */
module.exports = function functionVariables(environment, region) {
  const texts = Object.entries(environment ?? {}).filter(([, value]) => typeof value === "string");
  return {
    ...Object.fromEntries(texts),
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    LAMBDA_TASK_ROOT: "/var/task",
  };
};
