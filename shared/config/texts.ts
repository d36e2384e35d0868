import * as z from "zod";
import { isValidSubject } from "../subjects/overlap.ts";
import { compileTemplate, TemplateError } from "../subjects/template.ts";
import { patternRule } from "./pattern.ts";

/** What is wrong with a text and what to do about it; null when nothing is. */
export type Rule = (text: string) => { readonly problem: string; readonly fix: string } | null;

/** A NATS server's URL, without credentials in it. */
export const serverUrl = () => text(serverRule);

/** A NATS subject, wildcards allowed. */
export const subjectText = () => text(subjectRule);

/** A subject template, see `compileTemplate`. */
export const templateText = () => text(templateRule);

/** An unanchored regular expression. */
export const patternText = () => text(patternRule);

function text(rule: Rule) {
  return z.string().superRefine((value, context) => {
    const broken = rule(value);
    if (broken !== null) context.addIssue({ code: "custom", message: broken.problem, params: { fix: broken.fix } });
  });
}

function serverRule(url: string): ReturnType<Rule> {
  if (url.includes("@")) {
    const fix = "take it out of the URL: use user and passwordFile, tokenFile or credsFile";
    return { problem: "holds a secret, which would end up in logs", fix };
  }
  if (/^(?:nats|tls):\/\/[^\s/]+\/?$/.test(url) && URL.canParse(url)) return null;
  return { problem: "is not a NATS server", fix: 'write it as "nats://host:4222" or "tls://host:4222"' };
}

function subjectRule(subject: string): ReturnType<Rule> {
  if (isValidSubject(subject)) return null;
  const fix = 'write tokens joined by "."; "*" stands for one token and a last ">" for the rest';
  return { problem: "is not a valid NATS subject", fix };
}

function templateRule(template: string): ReturnType<Rule> {
  try {
    compileTemplate(template);
    return null;
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
}
