# Makes the comments of a public header doxygen's own: the headers are written for those who read them as they are.
#
#     /* What it does. */        the next declaration's
#     int member; /* why */      the member's own
#     /* --- title ----- */      a group of its own
#
# The line numbers stay the same.

# The list of codes, each with its text, where the enumeration is made of it.
/^    X \(TXC_/ {
    text = $0
    sub (/^[^"]*"/, "", text)
    sub (/"\).*$/, "", text)
    split ($0, part, /[(), ]+/)
    codes = codes part[3] " = " part[4] " /**< " text " */, "
}
/TXC_CODE_MAP \(TXC_CODE_ENUM\)/ { sub (/TXC_CODE_MAP \(TXC_CODE_ENUM\)/, codes) }

NR == 1 && /^\/\*/ { sub (/^\/\*/, "/** @file") }

/^\/\* --- / {
    title = $0
    gsub (/^\/\* -+ *| *-+ \*\/$/, "", title)
    print (in_group ? "/** @} */ " : "") "/** @name " title " */ /** @{ */"
    in_group = 1
    next
}

# The prologue and epilogue of a header: #if, #endif and what they say.
/^#(if|ifdef|ifndef|else|elif|endif)/ || /clang-format/ { print; next }

# What belongs to the line that it stands in, or to what follows.
/[^ ].*\/\*[^*]/ && !/^ *\/\*/ { sub (/\/\*/, "/**<") }
/^ *\/\*[^*]/ { sub (/\/\*/, "/**") }

{ print }
END { if (in_group) print "/** @} */" }
