#!/usr/bin/env node
import "../dist/functions/cli/main.js";
