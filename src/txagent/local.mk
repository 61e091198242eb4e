# src/txagent
