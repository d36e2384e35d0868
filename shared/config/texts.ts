import * as z from "zod";
import { isValidSubject } from "../subjects/overlap.ts";
import { compileTemplate, TemplateError } from "../subjects/template.ts";

/** What is wrong with a text and what to do about it; null when nothing is. */
type Rule = (text: string) => { readonly problem: string; readonly fix: string } | null;

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

function patternRule(text: string): ReturnType<Rule> {
  // As in go-choria's settings, slashes around a pattern are not part of it.
  const pattern = /^\/.*\/$/.test(text) ? text.slice(1, -1) : text;
  try {
    new RegExp(pattern);
  } catch (error) {
    const problem = `is not a regular expression: ${error instanceof Error ? error.message : String(error)}`;
    return { problem, fix: 'mend it; a literal dot is "\\."' };
  }
  return endlessRule(pattern);
}

const MOST_REPETITIONS = 4;

/**
 * Names are chosen by strangers, and a pattern must not take for ever on one. Where a match backtracks too often the
 * program goes on with an engine that does not (see `matchInLinearTime`), but that one cannot do everything.
 */
function endlessRule(pattern: string): ReturnType<Rule> {
  // Escapes and the insides of classes are not syntax.
  const syntax = pattern.replace(/\\[^1-9k]/g, "").replace(/\[(?:\\.|[^\]\\])*\]/g, "");
  if (/\(\?(?:[=!]|<[=!])|\\[1-9k]/.test(syntax)) {
    const problem = "looks around or refers back, which can take for ever on some names";
    return {
      problem,
      fix: "write it without (?=…), (?!…), (?<…) and \\1, which go-choria's patterns do not have either",
    };
  }
  const groups = [...syntax.matchAll(/\)(?:[*+]|\{(\d+)(,?)(\d*)\})/g)];
  const isRepeated = groups.some(([, least, comma, most]) => {
    return least === undefined || (comma === "" ? Number(least) : Number(most || Infinity)) > MOST_REPETITIONS;
  });
  if (!isRepeated || !/\{\d+(?:,\d*)?\}/.test(syntax)) return null;
  const problem = "counts repetitions beside a repeated group, which can take for ever on some names";
  return { problem, fix: 'write "[a-z]+" for "[a-z]{1,63}", or "[a-z][a-z]" for "[a-z]{2}"' };
}
