unit_test(lmtp restante_lmtp)
unit_test(lmtp_data restante_lmtp)
unit_test(lmtp_parameters restante_lmtp)
unit_test(lmtp_path restante_lmtp)
