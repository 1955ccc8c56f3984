/* What PAM's modules hear: the password once, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <security/pam_appl.h>

#include "conversation.h"

#define MESSAGES_MAX (PAM_MAX_NUM_MSG + 1)

static int styles(struct conversation *c, const int *style, int n,
		  struct pam_response **responses)
{
	struct pam_message messages[MESSAGES_MAX];
	const struct pam_message *pointers[MESSAGES_MAX];

	for (int i = 0; i < n; i++) {
		messages[i] = (struct pam_message){ style[i], "text" };
		pointers[i] = &messages[i];
	}
	return conversation_answer(n, pointers, responses, c);
}

static void prompt_gets_the_password_between_texts(void **state)
{
	struct conversation c = { .password = "correct horse" };
	struct pam_response *responses = NULL;
	const int style[] = { PAM_TEXT_INFO, PAM_PROMPT_ECHO_OFF, PAM_ERROR_MSG };

	(void)state;
	assert_int_equal(styles(&c, style, 3, &responses), PAM_SUCCESS);
	assert_null(responses[0].resp);
	assert_string_equal(responses[1].resp, "correct horse");
	assert_null(responses[2].resp);
	assert_false(c.refused);
	free(responses[1].resp);
	free(responses);
}

static void second_prompt_is_refused(void **state)
{
	struct conversation c = { .password = "x" };
	struct pam_response *responses = NULL;
	const int twice[] = { PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_OFF };

	(void)state;
	assert_int_equal(styles(&c, twice, 2, &responses), PAM_CONV_ERR);
	assert_null(responses);
	assert_true(c.refused);
	c = (struct conversation){ .password = "x" };
	assert_int_equal(styles(&c, twice, 1, &responses), PAM_SUCCESS);
	free(responses[0].resp);
	free(responses);
	assert_int_equal(styles(&c, twice, 1, &responses), PAM_CONV_ERR);
	assert_null(responses);
}

static void prompt_of_another_kind_is_refused(void **state)
{
	const int odd[] = { PAM_PROMPT_ECHO_ON, PAM_BINARY_PROMPT, PAM_RADIO_TYPE, 0, -1, 99 };

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		struct conversation c = { .password = "x" };
		struct pam_response *responses = NULL;

		assert_int_equal(styles(&c, &odd[i], 1, &responses), PAM_CONV_ERR);
		assert_null(responses);
		assert_true(c.refused);
		assert_false(c.answered);
	}
}

/* pam_matrix does this. */
static void texts_without_a_place_for_responses_are_fine(void **state)
{
	struct conversation c = { .password = "x" };
	const int texts[] = { PAM_TEXT_INFO, PAM_ERROR_MSG };
	const int prompt[] = { PAM_TEXT_INFO, PAM_PROMPT_ECHO_OFF };

	(void)state;
	assert_int_equal(styles(&c, texts, 2, NULL), PAM_SUCCESS);
	assert_int_equal(styles(&c, prompt, 2, NULL), PAM_CONV_ERR);
	assert_false(c.answered);
}

static void number_of_messages_is_bounded(void **state)
{
	struct conversation c = { .password = "x" };
	struct pam_response *responses = NULL;
	int texts[MESSAGES_MAX];

	(void)state;
	for (int i = 0; i < MESSAGES_MAX; i++)
		texts[i] = PAM_TEXT_INFO;
	assert_int_equal(styles(&c, texts, PAM_MAX_NUM_MSG, &responses), PAM_SUCCESS);
	free(responses);
	assert_int_equal(styles(&c, texts, MESSAGES_MAX, &responses), PAM_CONV_ERR);
	assert_int_equal(styles(&c, texts, 0, &responses), PAM_CONV_ERR);
	assert_int_equal(conversation_answer(-1, NULL, &responses, &c), PAM_CONV_ERR);
	assert_int_equal(styles(NULL, texts, 1, &responses), PAM_CONV_ERR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prompt_gets_the_password_between_texts),
		cmocka_unit_test(second_prompt_is_refused),
		cmocka_unit_test(prompt_of_another_kind_is_refused),
		cmocka_unit_test(texts_without_a_place_for_responses_are_fine),
		cmocka_unit_test(number_of_messages_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
