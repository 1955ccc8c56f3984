# Writes the octets of IN as a NUL-terminated C array SYMBOL into OUT.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," octets "${hex}")
string(REGEX REPLACE "((0x..,){16})" "\\1\n" octets "${octets}")
file(WRITE ${OUT} "extern const char ${SYMBOL}[];\nconst char ${SYMBOL}[] = {\n${octets}0x00\n};\n")
