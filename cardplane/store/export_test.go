package store

// AnswerTime is for tests that make an answer older.
var AnswerTime = answerTime
