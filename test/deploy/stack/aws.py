"""Speaks to the AWS of a test (moto), whose address is in the environment.

aws.py read PREFIX           prints what stands there under a stack's name, as JSON: what a deployment really made
aws.py put-secret NAME TEXT  stores a SecureString parameter
"""

import ast
import json
import sys

import boto3


def functions(prefix):
    client = boto3.client("lambda")
    found = [one for one in client.list_functions()["Functions"] if one["FunctionName"].startswith(prefix)]
    return {one["FunctionName"]: function(client, one) for one in found}


def function(client, one):
    name = one["FunctionName"]
    try:
        statements = json.loads(client.get_policy(FunctionName=name)["Policy"])["Statement"]
    except client.exceptions.ResourceNotFoundException:
        statements = []
    return {
        "handler": one["Handler"],
        "runtime": one["Runtime"],
        "memory": one["MemorySize"],
        "timeout": one["Timeout"],
        "environment": one["Environment"]["Variables"],
        "code": one["CodeSha256"],
        "role": one["Role"].split("/")[-1],
        "subnets": one.get("VpcConfig", {}).get("SubnetIds", []),
        "concurrency": client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions"),
        "invokers": [statement["Principal"]["Service"] for statement in statements],
    }


def rules(prefix):
    client = boto3.client("events")
    return [
        {
            "schedule": rule["ScheduleExpression"],
            "state": rule["State"],
            "targets": [one["Arn"].split(":")[-1] for one in client.list_targets_by_rule(Rule=rule["Name"])["Targets"]],
        }
        for rule in client.list_rules(NamePrefix=prefix)["Rules"]
    ]


def roles(prefix):
    client = boto3.client("iam")
    names = [role["RoleName"] for role in client.list_roles()["Roles"] if role["RoleName"].startswith(prefix)]
    return {name: role(client, name) for name in names}


def role(client, name):
    policies = client.list_role_policies(RoleName=name)["PolicyNames"]
    documents = [client.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"] for policy in policies]
    # moto keeps the policies of a template as Python writes them; boto3 passes on what it cannot read as JSON
    documents = [ast.literal_eval(document) if isinstance(document, str) else document for document in documents]
    return {
        "statements": [statement for document in documents for statement in document["Statement"]],
        "managed": client.list_attached_role_policies(RoleName=name)["AttachedPolicies"],
    }


def log_groups(prefix):
    found = boto3.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{prefix}")["logGroups"]
    return {one["logGroupName"]: one.get("retentionInDays") for one in found}


def topics(prefix):
    names = [one["TopicArn"].split(":")[-1] for one in boto3.client("sns").list_topics()["Topics"]]
    return [name for name in names if name.startswith(prefix)]


def main(command, *words):
    if command == "put-secret":
        name, value = words
        boto3.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString")
        return
    kinds = [functions, rules, roles, log_groups, topics]
    print(json.dumps({kind.__name__: kind(words[0]) for kind in kinds}))


main(*sys.argv[1:])
