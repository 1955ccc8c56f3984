unit_test(pop3 pop3_fake)
unit_test(pop3_send pop3_fake)
