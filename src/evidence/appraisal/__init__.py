"""How far data and results can be trusted: checks, risk of bias, certainty, multiverse, audit, PRISMA."""
