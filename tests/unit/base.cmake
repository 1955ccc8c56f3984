unit_test(buf restante_base)
unit_test(line restante_base)
unit_test(number restante_base)
unit_test(utf8 restante_base)
