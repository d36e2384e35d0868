// Invokes a function with whatever credentials the AWS SDK finds in this process's surroundings, and prints the outcome.
import { invokeDrain, openLambda } from "../../../functions/dispatcher/invoking/invoke.ts";

const client = await openLambda(1);
const invocation = { functionName: "cb-consumer", job: "work", budgetMs: 5_000, waitMs: 60_000 };
console.log(JSON.stringify(await invokeDrain(client, invocation, new AbortController().signal)));
client.destroy();
