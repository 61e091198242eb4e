# plugins/mem
