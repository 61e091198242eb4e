# src/txsql
